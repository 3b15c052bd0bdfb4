-- Where a buffer is shown.
local M = {}
local api = vim.api

--- The user types into something else right now: keys must not land in a text that has just come.
function M.typing()
  return api.nvim_get_mode().mode:find('^[iRvVsS\22\19]') ~= nil
end

--- Whether a window may show another buffer without anything being lost or hidden that does not come back.
local function free(win)
  local buf = api.nvim_win_get_buf(win)
  local bo = vim.bo[buf]
  local fixed = vim.fn.exists('+winfixbuf') == 1 and vim.wo[win].winfixbuf
  local floats = api.nvim_win_get_config(win).relative ~= ''
  local kept = vim.o.hidden or not bo.modified or #vim.fn.win_findbuf(buf) > 1
  return not fixed and not floats and not vim.wo[win].previewwindow and kept
    and (bo.buftype == '' or bo.buftype == 'acwrite' or bo.filetype == 'rbridge')
end

local function found(buf)
  local here = vim.fn.bufwinid(buf)
  return here ~= -1 and here or vim.fn.win_findbuf(buf)[1]
end

--- The window of this tab page that shows a buffer, or may show it.
function M.place(buf)
  local places = { vim.fn.win_getid(vim.fn.winnr('#')), unpack(api.nvim_tabpage_list_wins(0)) }
  local here = vim.fn.bufwinid(buf)
  return here ~= -1 and here or vim.iter(places):find(function(win)
    return win ~= 0 and free(win)
  end)
end

--- Show a buffer, as buffer/open says, and put the cursor where it says. Returns the window. `how` may also have
--- `win`, the window to take, and `split`, the side of it where a new one goes.
function M.show(buf, how)
  if how.diff then
    return -- buffer/diff does
  end
  local quiet = how.keepFocus or M.typing()
  local win = found(buf)
  if win then
    if not quiet then
      api.nvim_set_current_win(win)
    end
  elseif how.split and not quiet and api.nvim_win_is_valid(how.win) then
    win = api.nvim_open_win(buf, true, { split = how.split, win = how.win })
  elseif how.newWindow and not quiet then
    vim.cmd('tab sbuffer ' .. buf)
    win = api.nvim_get_current_win()
  else
    -- One that somebody waits for gets a window of its own: :q and :wq end it, and not the editor.
    local places = { how.win and api.nvim_win_is_valid(how.win) and how.win or nil }
    vim.list_extend(places, { api.nvim_get_current_win(), unpack(api.nvim_tabpage_list_wins(0)) })
    local place = not how.wait and not quiet and vim.iter(places):find(free)
    if place then
      api.nvim_win_set_buf(place, buf)
      api.nvim_set_current_win(place)
      win = place
    else
      win = api.nvim_open_win(buf, not quiet, { split = quiet and 'below' or 'above', win = 0 })
    end
  end
  if (how.line or 0) > 0 then
    api.nvim_win_call(win, function()
      vim.cmd("normal! m'")
      vim.fn.setcursorcharpos(how.line, math.max(how.column or 1, 1))
      vim.cmd('normal! zv')
    end)
  end
  return win
end

--- Show something else wherever a buffer is shown, and wipe it.
function M.remove(buf)
  for _, win in ipairs(vim.fn.win_findbuf(buf)) do
    api.nvim_win_call(win, function()
      local other = vim.fn.bufnr('#')
      if other > 0 and other ~= buf and vim.fn.buflisted(other) == 1 then
        api.nvim_win_set_buf(win, other)
      else
        vim.cmd.enew()
      end
    end)
  end
  if api.nvim_buf_is_valid(buf) then
    api.nvim_buf_delete(buf, { force = true })
  end
end

return M
