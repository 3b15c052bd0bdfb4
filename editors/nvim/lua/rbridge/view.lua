-- The view of a folder: a line for its host and path, and one for each entry.
local link = require('rbridge.link')
local names = require('rbridge.names')

local M = {}
local api = vim.api

local SPACE = api.nvim_create_namespace('rbridge')
local CLOSED, OPEN, OTHER = '▸ ', '▾ ', '  '

--- How it stands, empty while all is well.
function M.status(folder)
  return not link.ready and 'no rbridge'
    or folder.gone and 'closed'
    or not folder.connected and 'not connected'
    or ''
end

local function described(folder)
  local lines, shown, at = { ('%s:%s'):format(folder.host, folder.path) }, { folder.root }, { [''] = 1 }
  local function add(node, depth)
    local indent = OTHER:rep(depth)
    for _, one in ipairs(node.items or {}) do
      local directory = one.type == 'directory'
      local mark = directory and (one.open and OPEN or CLOSED) or OTHER
      lines[#lines + 1] = indent .. mark .. one.name .. (directory and '/' or '')
      shown[#lines], at[one.raw] = one, #lines
      if one.open then
        add(one, depth + 1)
      end
    end
    if node.note then
      lines[#lines + 1] = indent .. OTHER .. node.note
      shown[#lines] = { raw = node.raw, type = 'note' }
    end
  end
  add(folder.root, 0)
  return lines, shown, at
end

--- Only lines that differ are touched.
local function fill(buf, lines)
  local old = api.nvim_buf_get_lines(buf, 0, -1, true)
  local least, from, upto = math.min(#old, #lines), 0, 0
  while from < least and old[from + 1] == lines[from + 1] do
    from = from + 1
  end
  while upto < least - from and old[#old - upto] == lines[#lines - upto] do
    upto = upto + 1
  end
  vim.bo[buf].modifiable = true
  api.nvim_buf_set_lines(buf, from, #old - upto, true, vim.list_slice(lines, from + 1, #lines - upto))
  vim.bo[buf].modifiable, vim.bo[buf].modified = false, false
end

local function note(buf, line, words, highlight)
  api.nvim_buf_set_extmark(buf, SPACE, line - 1, 0, { virt_text = { { words, highlight } }, hl_mode = 'combine' })
end

local function decorate(folder)
  api.nvim_buf_clear_namespace(folder.buf, SPACE, 0, -1)
  local status = M.status(folder)
  if status ~= '' then
    note(folder.buf, 1, status, 'WarningMsg')
  elseif folder.readonly then
    note(folder.buf, 1, 'read-only', 'Comment')
  end
  for line, one in ipairs(folder.shown) do
    if one.link then
      local where = one.outside and ' (outside)' or one.dangling and ' (leads nowhere)' or ''
      note(folder.buf, line, '-> ' .. names.show(one.link) .. where, 'Comment')
    elseif one.type == 'note' then
      api.nvim_buf_set_extmark(folder.buf, SPACE, line - 1, 0, { line_hl_group = 'WarningMsg' })
    end
  end
end

--- Show what is known now; cursors stay on their entries.
function M.draw(folder)
  if not api.nvim_buf_is_loaded(folder.buf) then
    return
  end
  local before, views = folder.shown or {}, {}
  for _, win in ipairs(vim.fn.win_findbuf(folder.buf)) do
    views[win] = api.nvim_win_call(win, vim.fn.winsaveview)
  end
  local lines, shown, at = described(folder)
  folder.shown = shown
  fill(folder.buf, lines)
  for win, view in pairs(views) do
    local node = before[view.lnum]
    local now = node and (at[node.raw] or at[folder.renamed[node.raw]]) or math.min(view.lnum, #lines)
    view.topline = math.max(1, view.topline + now - view.lnum)
    view.lnum = now
    api.nvim_win_call(win, function()
      vim.fn.winrestview(view)
    end)
  end
  decorate(folder)
end

--- Only how it stands has changed.
function M.stand(folder)
  if folder.shown and api.nvim_buf_is_loaded(folder.buf) then
    decorate(folder)
    vim.cmd.redrawstatus({ bang = true })
  end
end

--- Put the cursor on a path where it is on the path `from` still.
function M.go(folder, raw, from)
  for line, one in ipairs(folder.shown) do
    if one.raw == raw then
      for _, win in ipairs(vim.fn.win_findbuf(folder.buf)) do
        local here = folder.shown[api.nvim_win_get_cursor(win)[1]]
        if here and here.raw == from then
          api.nvim_win_set_cursor(win, { line, 0 })
        end
      end
      return
    end
  end
end

--- The entry under the cursor, nil where the view is not the current buffer.
function M.current(folder)
  if api.nvim_get_current_buf() == folder.buf then
    return folder.shown and folder.shown[api.nvim_win_get_cursor(0)[1]]
  end
end

--- The buffer for a folder, which `keys` are for: functions by key.
function M.buffer(folder, name, keys)
  local buf = api.nvim_create_buf(false, true)
  api.nvim_buf_set_name(buf, name)
  local bo = vim.bo[buf]
  bo.buftype, bo.bufhidden, bo.swapfile, bo.undofile, bo.modeline = 'nofile', 'hide', false, false, false
  bo.undolevels, bo.modifiable = -1, false
  for key, action in pairs(keys) do
    vim.keymap.set('n', key, action[1], { buffer = buf, nowait = true, silent = true, desc = action[2] })
  end
  bo.filetype = 'rbridge'
  api.nvim_buf_call(buf, function()
    vim.cmd([[syntax match rbridgeRoot /\%1l.*/]])
    vim.cmd([[syntax match rbridgeDirectory /\%>1l.*\/$/]])
    vim.cmd('highlight default link rbridgeRoot Title')
    vim.cmd('highlight default link rbridgeDirectory Directory')
  end)
  return buf
end

return M
