-- Finding a file of a folder by letters of its path: a prompt, and below it what is found while the user types.
local changes = require('rbridge.changes')
local folders = require('rbridge.folders')
local link = require('rbridge.link')
local names = require('rbridge.names')

local M = {}
local api = vim.api

local MOST, HEIGHT = 200, 12
local CANCELLED = -32800
local SPACE = api.nvim_create_namespace('rbridge-find')
local last = 0 -- number of a stream

local function draw(state)
  if not api.nvim_buf_is_valid(state.buf) then
    return
  end
  local lines = vim.tbl_map(names.show, state.paths)
  api.nvim_buf_set_lines(state.buf, 1, -1, true, lines)
  api.nvim_buf_clear_namespace(state.buf, SPACE, 0, -1)
  local count = state.why
    or state.busy and ('%d …'):format(#lines)
    or ('%d%s'):format(#lines, state.truncated and ' and more' or '')
  count = state.query ~= '' and '  ' .. count or ''
  local head = { { ('  in %s'):format(folders.title(state.folder)), 'Comment' }, { count, 'Comment' } }
  api.nvim_buf_set_extmark(state.buf, SPACE, 0, 0, { virt_text = head, right_gravity = false })
  state.chosen = math.max(1, math.min(state.chosen, #lines))
  if #lines > 0 then
    api.nvim_buf_set_extmark(state.buf, SPACE, state.chosen, 0, { line_hl_group = 'PmenuSel' })
  end
end

--- What is found so far, for the query of `stream`.
local function take(state, stream, said)
  if state.stream == stream then
    state.paths = names.hear_all(said)
    draw(state)
  end
end

local function forget(state)
  link.cancel(state.asked)
  if state.stream then
    folders.listen(state.stream, nil)
  end
  state.asked, state.stream, state.busy = nil, nil, false
end

--- Look for what is typed now; what was looked for before is not wanted any more.
local function look(state)
  local query = vim.trim(api.nvim_buf_get_lines(state.buf, 0, 1, true)[1])
  if query == state.query then
    return
  end
  forget(state)
  state.query, state.chosen, state.truncated, state.why = query, 1, false, nil
  if query == '' then
    state.paths = {}
    return draw(state)
  end
  last = last + 1
  local stream = 'find-' .. last
  state.stream, state.busy = stream, true
  folders.listen(stream, function(said)
    take(state, stream, said)
  end)
  local params = { folder = state.folder.id, query = query, limit = MOST, stream = stream }
  state.asked = link.ask('fs/find', params, function(err, result)
    folders.listen(stream, nil)
    if state.stream ~= stream then
      return
    end
    state.busy, state.asked = false, nil
    if result then
      state.truncated = result.truncated
    else
      state.why = err.code ~= CANCELLED and err.message or ''
    end
    take(state, stream, result or {})
  end)
  draw(state)
end

local function close(state)
  if state.over then
    return
  end
  state.over = true
  forget(state)
  vim.cmd.stopinsert()
  if api.nvim_win_is_valid(state.origin) then
    api.nvim_set_current_win(state.origin)
  end
  if api.nvim_win_is_valid(state.win) then
    api.nvim_win_close(state.win, true)
  end
end

local function choose(state, how)
  local line = api.nvim_win_get_cursor(state.win)[1]
  local path = state.paths[line > 1 and line - 1 or state.chosen]
  if path then
    close(state)
    changes.open(state.folder, path, how)
  end
end

local function move(state, by)
  state.chosen = state.chosen + by
  draw(state)
  -- the chosen one stays in sight: line 1 is the prompt
  local height = api.nvim_win_get_height(state.win)
  api.nvim_win_call(state.win, function()
    vim.fn.winrestview({ topline = 1 })
  end)
  if state.chosen >= height then
    api.nvim_win_set_height(state.win, math.min(state.chosen + 1, math.floor(vim.o.lines / 2)))
  end
end

--- Ask for letters, beginning with `query`; the folder is the one that is meant here.
function M.open(query)
  local folder = folders.meant()
  if not folder then
    return
  end
  local state = { folder = folder, paths = {}, chosen = 1, query = '', origin = api.nvim_get_current_win() }
  local buf = api.nvim_create_buf(false, true)
  state.buf = buf
  vim.bo[buf].bufhidden, vim.bo[buf].undolevels, vim.bo[buf].modeline = 'wipe', -1, false
  api.nvim_buf_set_lines(buf, 0, -1, true, { query })
  state.win = api.nvim_open_win(buf, true, { split = 'below', win = -1, height = HEIGHT })
  local wo = vim.wo[state.win][0]
  wo.number, wo.relativenumber, wo.wrap, wo.winfixheight = false, false, false, true
  vim.bo[buf].filetype = 'rbridge-find'
  local function map(keys, action)
    for _, key in ipairs(keys) do
      vim.keymap.set({ 'i', 'n' }, key, action, { buffer = buf, nowait = true })
    end
  end
  local function chosen(how)
    return function()
      choose(state, how)
    end
  end
  map({ '<CR>' }, chosen())
  map({ '<C-s>' }, chosen({ split = 'above' }))
  map({ '<C-v>' }, chosen({ split = 'right' }))
  map({ '<C-t>' }, chosen({ newWindow = true }))
  map({ '<Esc>', '<C-c>' }, function()
    close(state)
  end)
  map({ '<C-n>', '<Down>' }, function()
    move(state, 1)
  end)
  map({ '<C-p>', '<Up>' }, function()
    move(state, -1)
  end)
  api.nvim_create_autocmd({ 'TextChangedI', 'TextChangedP', 'TextChanged' }, {
    buffer = buf,
    callback = function()
      look(state)
    end,
  })
  api.nvim_create_autocmd('WinLeave', {
    buffer = buf,
    callback = function()
      vim.schedule(function()
        close(state)
      end)
    end,
  })
  draw(state)
  look(state)
  vim.cmd('startinsert!')
end

return M
