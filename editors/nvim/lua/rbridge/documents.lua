-- The documents that are open here, each in a buffer of its own.
local link = require('rbridge.link')
local messages = require('rbridge.messages')
local names = require('rbridge.names')
local saving = require('rbridge.saving')
local text = require('rbridge.text')
local window = require('rbridge.window')

local M = {}
local api = vim.api

local READ, LEAVE = 10000, 2000 -- ms to wait for the daemon: when a text is read again, when Neovim ends
local STALE, NO_CONFLICT = -32011, -32013
local docs, by_buf = {}, {}
M.docs, M.by_buf = docs, by_buf -- by id; by buffer, those included that the daemon does not know any more

function M.of(buf)
  local doc = by_buf[buf == 0 and api.nvim_get_current_buf() or buf]
  return doc and not doc.lost and doc or nil
end

function M.modified(doc)
  return api.nvim_buf_is_loaded(doc.buf) and vim.bo[doc.buf].modified
end

function M.status(buf)
  local doc = by_buf[buf]
  if not doc then
    return ''
  end
  local state = doc.lost and 'closed'
    or not link.ready and 'no rbridge'
    or doc.state == 'conflict' and 'conflict'
    or doc.saving and 'saving'
    or doc.sent and 'waiting'
    or not doc.connected and 'not connected'
    or M.modified(doc) and 'modified'
    or 'saved'
  return doc.host .. ': ' .. state
end

function M.new(params)
  local doc = {
    id = params.id,
    uri = params.uri,
    host = params.host,
    path = params.path,
    name = params.path ~= '' and vim.fs.basename(params.path) or params.name,
    language = params.language,
    readonly = params.readOnly,
    spot = params.spot or params.path, -- where it is on its host
    state = 'clean',
    message = '',
    connected = true,
    waiters = {}, -- what goes on when the save that runs is over
  }
  function doc.refresh()
    if by_buf[doc.buf] == doc and api.nvim_buf_is_valid(doc.buf) then
      local known = { id = doc.id, host = doc.host, path = doc.path, message = doc.message }
      known.state, known.connected = doc.state, doc.connected and link.ready and not doc.lost
      vim.b[doc.buf].rbridge = known
      vim.cmd.redrawstatus({ bang = true })
    end
  end
  return doc
end

--- The daemon does not know it any more. Its buffer stays, if there is one.
function M.lose(doc)
  require('rbridge.lsp.servers').detach(doc.buf)
  docs[doc.id], doc.lost = nil, true
  doc.refresh()
end

function M.forget(doc)
  docs[doc.id], by_buf[doc.buf] = nil, nil
  if not doc.lost then
    link.ask('buffer/close', { id = doc.id }, function() end)
  end
end

--- A document's text, inside link.go: bytes and base, or nil and the error.
function M.fetch(doc, method)
  while true do
    local all, err = link.call(method, { id = doc.id })
    if not all then
      return nil, err
    elseif not all.chunks then
      return text.unpack(all), all.base
    end
    local parts = {}
    while #parts < all.chunks and not err do
      local part
      part, err = link.call(method, { id = doc.id, base = all.base, chunk = #parts })
      parts[#parts + 1] = part and text.unpack(part)
    end
    if not err then
      return table.concat(parts), all.base
    elseif err.code ~= STALE then
      return nil, err
    end
  end
end

--- Take over the host's text, inside link.go; not over changes that were made here, unless `over`.
function M.reload(doc, over)
  local bytes, base = M.fetch(doc, 'buffer/read')
  if not bytes or not api.nvim_buf_is_loaded(doc.buf) or ((M.modified(doc) or doc.saving) and not over) then
    return false
  end
  text.fill(doc.buf, bytes, false)
  doc.base, doc.sent, doc.state, doc.unread = base, nil, 'clean', nil
  doc.refresh()
  return true
end

function M.conflict(doc)
  local new_here = doc.state ~= 'conflict' and not doc.saving -- a save says it by itself
  doc.state = 'conflict'
  doc.refresh()
  if new_here then
    messages.warning(('%s changed on %s and here: :RbridgeDiff'):format(doc.name, doc.host))
  end
end

--- Give up what was written here for what the host has, inside link.go: that comes by buffer/changed.
function M.theirs(doc)
  local _, err = link.call('buffer/resolve', { id = doc.id, choose = 'theirs' })
  if err and not (err.code == NO_CONFLICT and M.reload(doc, true)) then
    messages.error(('cannot read %s again: %s'):format(doc.name, err.message))
  end
end

-- Buffers

local function named(name)
  return vim.iter(api.nvim_list_bufs()):find(function(buf)
    return api.nvim_buf_get_name(buf) == name
  end)
end

--- A name that no other document has: rbridge://HOST/PATH, or rbridge://HOST~2/PATH.
local function free_name(doc)
  local path = doc.path ~= '' and doc.path or doc.name
  path = path:sub(1, 1) == '/' and path or '/' .. path
  local number = 1
  while true do
    local name = 'rbridge://' .. doc.host .. (number > 1 and '~' .. number or '') .. path
    local buf = named(name)
    if not buf then
      return name
    elseif not by_buf[buf] and not vim.bo[buf].modified then
      if api.nvim_buf_is_loaded(buf) then
        window.remove(buf) -- of an earlier life: a session, a file name on the command line
      end
      return name
    end
    number = number + 1
  end
end

--- A buffer for a document.
function M.claim(doc)
  return vim.fn.bufadd(free_name(doc))
end

--- A file or directory of a host has another place: what is open of it goes on there.
function M.moved(host, from, to)
  for _, doc in pairs(docs) do
    local below = doc.spot:sub(1, #from + 1) == from .. '/'
    if doc.host == host and (doc.spot == from or below) then
      doc.spot = to .. doc.spot:sub(#from + 1)
      doc.path = names.show(doc.spot)
      doc.name = vim.fs.basename(doc.path)
      local before = api.nvim_buf_get_name(doc.buf)
      api.nvim_buf_set_name(doc.buf, free_name(doc))
      local old = named(before)
      if old and old ~= doc.buf then
        api.nvim_buf_delete(old, { force = true }) -- Neovim keeps one with the old name
      end
      doc.refresh()
    end
  end
end

local function known_filetype(language)
  local word = (language or ''):lower():match('[%w_]+$')
  return word and vim.tbl_contains(vim.fn.getcompletion(word, 'filetype'), word) and word
end

--- BufReadCmd: the text into its buffer, for the first time or for :edit!.
function M.read(buf)
  local doc, bo = by_buf[buf], vim.bo[buf]
  if bo.filetype == 'rbridge' then
    return require('rbridge.folders').refresh()
  end
  bo.buftype, bo.swapfile, bo.undofile, bo.modeline, bo.fixendofline = 'acwrite', false, false, false, false
  local why = 'not open: run rbridge open PATH on its host'
  if not doc then
    doc, why = require('rbridge.opening').wait(buf, READ, why)
  end
  bo.buflisted = bo.buflisted or not (doc and doc.glance)
  if not doc or doc.lost then
    bo.modifiable = false
    return why and messages.warning(why)
  end
  local first, bytes, base = doc.fresh ~= nil, doc.fresh, doc.base
  doc.fresh = nil
  if not first then
    local over
    link.go(function()
      bytes, base = M.fetch(doc, 'buffer/read')
      over = true
    end)
    vim.wait(READ, function()
      return over
    end)
    if not over or not bytes then
      doc.unread, bo.modifiable = true, false
      return messages.error(('cannot read %s again: :edit tries once more'):format(doc.name))
    end
    if doc.state == 'conflict' then
      link.ask('buffer/resolve', { id = doc.id, choose = 'theirs' }, function() end)
    end
  end
  doc.base, doc.state, doc.unread, doc.sent, bo.modifiable = base, 'clean', nil, nil, true
  api.nvim_exec_autocmds('BufReadPre', { buffer = buf, modeline = false })
  text.fill(buf, bytes, true)
  api.nvim_exec_autocmds('BufReadPost', { buffer = buf, modeline = false })
  local filetype = known_filetype(doc.language)
    or bo.filetype == '' and vim.filetype.match({ buf = buf, filename = doc.path })
  if filetype then
    bo.filetype = filetype
  end
  bo.modeline, bo.readonly, bo.modifiable = false, doc.readonly or false, not doc.fixed
  doc.refresh()
end

--- It is shown in a window.
function M.shown(buf)
  local doc = by_buf[buf]
  if doc and doc.glance then
    require('rbridge.lsp.targets').keep(doc)
    require('rbridge.lsp.servers').attach(buf)
  end
end

function M.write(buf, target)
  local doc = by_buf[buf]
  if not doc or target ~= api.nvim_buf_get_name(buf) then
    messages.error('a text goes to its own host and name only; :w FILE writes a copy here')
  elseif doc.lost then
    messages.error(('%s is not open on %s any more; :w FILE writes a copy here'):format(doc.name, doc.host))
  elseif doc.unread then
    messages.error(('%s was not read from %s: :edit tries again'):format(doc.name, doc.host))
  elseif not link.ready then
    messages.error(('%s is not saved: rbridge is not running; the text stays here'):format(doc.name))
  else
    saving.write(doc, vim.v.cmdbang == 1 and doc.state == 'conflict')
    M.release(doc)
  end
end

--- One that somebody waits for is closed with its last window.
function M.release(doc)
  vim.schedule(function()
    local loaded = by_buf[doc.buf] == doc and api.nvim_buf_is_loaded(doc.buf)
    if doc.wait and loaded and not M.modified(doc) and #vim.fn.win_findbuf(doc.buf) == 0 then
      api.nvim_buf_delete(doc.buf, {})
    end
  end)
end

function M.window_closed(buf)
  if by_buf[buf] then
    M.release(by_buf[buf])
  end
end

--- :q in its last window is then refused while it is modified, as without 'hidden'.
function M.quitting(buf)
  local doc = by_buf[buf]
  if doc and doc.wait and #vim.fn.win_findbuf(buf) == 1 then
    vim.bo[buf].bufhidden = 'wipe'
    vim.schedule(function()
      if api.nvim_buf_is_valid(buf) then
        vim.bo[buf].bufhidden = ''
      end
    end)
  end
end

--- :bdelete and the like; :edit! unloads too, and loads again at once.
function M.unloaded(buf)
  local doc = by_buf[buf]
  vim.schedule(function()
    if doc and by_buf[buf] == doc and not api.nvim_buf_is_loaded(buf) then
      M.forget(doc)
      if not doc.glance then
        pcall(api.nvim_buf_delete, buf, { force = true })
      end
    end
  end)
end

--- :saveas and :file make it a file of this machine.
function M.renamed(buf)
  local doc = by_buf[buf]
  if doc and not vim.startswith(api.nvim_buf_get_name(buf), 'rbridge://') then
    M.forget(doc)
    vim.b[buf].rbridge = nil
    api.nvim_buf_call(buf, function()
      vim.cmd('setlocal buftype= swapfile< undofile< modeline<')
    end)
  end
end

function M.focus(buf)
  local doc = M.of(buf)
  link.notify('buffer/focus', doc and { id = doc.id } or vim.empty_dict())
end

--- Neovim ends: who waits on a host is let go.
function M.leave()
  local open = 0
  for _, doc in pairs(link.ready and docs or {}) do
    open = open + 1
    link.ask('buffer/close', { id = doc.id }, function()
      open = open - 1
    end)
  end
  vim.wait(LEAVE, function()
    return open == 0
  end)
end

return M
