-- Two documents beside each other, with what differs: `rbridge diff A B` on their host.
local documents = require('rbridge.documents')
local window = require('rbridge.window')

local M = {}
local api = vim.api

--- Without this Neovim would write both texts into files for a program that compares them.
local function inside()
  return vim.o.diffexpr == '' and vim.tbl_contains(vim.opt.diffopt:get(), 'internal')
end

--- The windows of a tab page that shows both as a diff already.
local function shown(left, right)
  for _, tab in ipairs(api.nvim_list_tabpages()) do
    local found = {}
    for _, win in ipairs(api.nvim_tabpage_list_wins(tab)) do
      if vim.wo[win].diff then
        found[api.nvim_win_get_buf(win)] = win
      end
    end
    if found[left] and found[right] then
      return found[right]
    end
  end
end

--- buffer/diff: in a tab page of its own, the right one in front. Returns {}, or nil and the error.
function M.show(params)
  local left, right = documents.docs[params.left], documents.docs[params.right]
  if not left or not right then
    return nil, { code = -32009, message = 'one of them is not here any more' }
  elseif not inside() then
    return nil, { code = -32603, message = "without 'internal' in 'diffopt' the texts would get onto the disk" }
  end
  local before = api.nvim_get_current_win()
  local quiet = params.keepFocus or window.typing()
  local win = shown(left.buf, right.buf)
  if not win then
    vim.cmd('tab split') -- not sbuffer: 'switchbuf' may send that elsewhere
    local beside = api.nvim_get_current_win()
    if vim.fn.exists('+winfixbuf') == 1 then
      vim.wo.winfixbuf = false
    end
    api.nvim_win_set_buf(beside, left.buf)
    win = api.nvim_open_win(right.buf, true, { split = 'right', win = beside })
    for _, one in ipairs({ beside, win }) do
      api.nvim_win_call(one, vim.cmd.diffthis)
    end
  end
  api.nvim_set_current_win(quiet and before or win)
  return {}
end

return M
