-- Searching in the files of a folder: what is found comes into the quickfix list as it is found.
local documents = require('rbridge.documents')
local folders = require('rbridge.folders')
local link = require('rbridge.link')
local messages = require('rbridge.messages')
local names = require('rbridge.names')
local window = require('rbridge.window')

local M = {}

local OURS = 'rbridge' -- the context of our quickfix lists
local MOST = 1000
local CANCELLED = -32800
local running, last = nil, 0 -- the search that is under way; the number of the last one

--- The buffer that a quickfix entry leads to, by number or by name.
local function where(folder, raw)
  for _, doc in pairs(documents.docs) do
    if doc.host == folder.host and doc.spot == folder.top .. raw then
      return { bufnr = doc.buf }
    end
  end
  local prefix = 'rbridge://' .. folder.host .. folder.top
  if names.plain(raw) then
    return { filename = prefix .. raw }
  end
  local name = prefix .. names.say({}, { path = raw }).path
  folder.odd[name] = raw
  return { filename = name }
end

local function item(folder, match)
  local one = where(folder, names.raw(match.path, match.encoded))
  local from = match.from or 1 -- what is left out before it counts as ASCII
  local before = vim.fn.byteidxcomp(match.text, match.column - from)
  one.lnum, one.col = match.line, before >= 0 and before + from or match.column
  one.text = match.text:gsub('%c', ' ')
  return one
end

--- Go to the entry under the cursor of the quickfix window. Neovim itself would make a new window each time, as it
--- takes none with a buffer that is no file of this machine.
local function jump()
  local number = vim.fn.line('.')
  local list = vim.fn.getqflist({ items = 0, context = 0 })
  local one = list.items[number]
  local place = list.context == OURS and one and window.place(one.bufnr)
  if place then
    vim.api.nvim_set_current_win(place)
  end
  vim.cmd(number .. 'cc')
end

--- The search that runs is not wanted any more; what was found stays.
function M.stop()
  if running then
    link.cancel(running.asked)
  end
end

local function ended(search, err, result)
  folders.listen(search.stream, nil)
  running = running ~= search and running or nil
  if err and err.code ~= CANCELLED then
    return messages.error(('cannot search in %s: %s'):format(folders.title(search.folder), err.message))
  elseif err then
    return messages.info(('search given up, %d found'):format(search.count))
  end
  local count = search.count == 1 and '1 match' or search.count .. ' matches'
  if result.truncated then
    return messages.warning(('%s are shown, there are more: search for more of the text'):format(count))
  end
  messages.info(('%s in %s'):format(search.count > 0 and count or 'nothing found', folders.title(search.folder)))
end

--- Search for a text, or with `regex` for a regular expression.
function M.start(query, regex)
  local folder = folders.meant()
  if not folder then
    return
  end
  M.stop()
  last = last + 1
  local search = { folder = folder, stream = 'search-' .. last, count = 0 }
  running = search
  local title = ('%s in %s'):format(query, folders.title(folder))
  vim.fn.setqflist({}, ' ', { title = title, items = {}, context = OURS })
  search.list = vim.fn.getqflist({ id = 0 }).id
  vim.cmd('botright copen')
  vim.b.rbridge_search = true -- what is yanked here is a host's text
  vim.keymap.set('n', '<CR>', jump, { buffer = true, desc = 'Go to this match' })
  vim.keymap.set('n', '<2-LeftMouse>', jump, { buffer = true, desc = 'Go to this match' })
  folders.listen(search.stream, function(said)
    local items = vim.tbl_map(function(match)
      return item(folder, match)
    end, said.matches or {})
    search.count = search.count + #items
    vim.fn.setqflist({}, 'a', { id = search.list, items = items })
  end)
  local params = { folder = folder.id, query = query, regex = regex, limit = MOST, stream = search.stream }
  search.asked = link.ask('fs/search', params, function(err, result)
    ended(search, err, result)
  end)
end

function M.ask()
  vim.ui.input({ prompt = 'Search: ' }, function(typed)
    if typed and typed ~= '' then
      M.start(typed, false)
    end
  end)
end

return M
