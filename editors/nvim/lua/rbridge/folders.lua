-- The folders that are shown here, each in a buffer of its own.
local documents = require('rbridge.documents')
local link = require('rbridge.link')
local messages = require('rbridge.messages')
local names = require('rbridge.names')
local tree = require('rbridge.tree')
local view = require('rbridge.view')
local window = require('rbridge.window')

local M = {}
local api = vim.api

local WATCHED = 500 -- directories
local LEAVE = 2000 -- ms to wait for the daemon when Neovim ends
local all, by_buf, last = {}, {}, nil -- by id; by buffer; the one that was used last
M.by_buf = by_buf
M.patience = 60000 -- ms after a connection in which a folder comes back by itself

-- What is shown

--- Have the daemon tell of changes in what is shown.
local function watch(folder)
  local paths = {}
  tree.each_open(folder.root, function(node)
    paths[#paths + 1] = #paths < WATCHED and node.raw or nil
  end)
  local wanted = table.concat(paths, '\0')
  if link.ready and folder.watched ~= wanted then
    folder.watched = wanted
    link.ask('fs/watch', names.say_all({ folder = folder.id }, paths), function(err)
      folder.watched = not err and folder.watched or nil
    end)
  end
end

--- List a directory, and draw as it comes; done() is called at the end.
local function load(folder, node, done)
  link.go(function()
    tree.load(folder, node, function()
      view.draw(folder)
    end)
    if done then
      done()
    end
  end)
  watch(folder)
end

--- List all that is shown again.
local function refresh(folder)
  folder.watched = nil
  tree.each_open(folder.root, function(node)
    load(folder, node)
  end)
  view.stand(folder)
end

--- List the directory of a path again, if it is shown, and put the cursor there if it still is on `from`.
function M.look(folder, raw, from)
  local node = tree.find(folder.root, names.above(raw))
  if node and node.items then
    load(folder, node, from and function()
      view.go(folder, raw, from)
    end)
  end
end

--- Show what is in a directory, or do not any more.
function M.toggle(folder, node, open)
  node.open = open == nil and not node.open or open or nil
  view.draw(folder)
  if node.open then
    load(folder, node)
  else
    watch(folder)
  end
end

-- Which one is meant

--- The folder that a document lies in, and its path there; the innermost.
function M.around(doc)
  local found, path
  for _, folder in pairs(by_buf) do
    local inside = doc.host == folder.host and vim.startswith(doc.spot, folder.top)
    if inside and (not found or #folder.top > #found.top) then
      found, path = folder, doc.spot:sub(#folder.top + 1)
    end
  end
  return found, path
end

--- The folder that a buffer's name leads into, and the path there.
function M.holding(name)
  local host, path = name:match('^rbridge://([^/]*)(/.*)$')
  if not host then
    return nil
  end
  local folder, raw = M.around({ host = host, spot = path })
  return folder, folder and (folder.odd[name] or raw)
end

--- The folder that a command is for, and the path that is under the cursor; nil where the user has to say it. The
--- current one, that of the current text, the one that was used last.
function M.meant()
  local here = by_buf[api.nvim_get_current_buf()]
  if here then
    local node = view.current(here)
    return here, node and node.type ~= 'note' and node or nil
  end
  local doc = documents.of(0)
  local folder, raw
  if doc then
    folder, raw = M.around(doc)
  end
  if folder then
    return folder, { raw = raw, type = 'file', name = doc.name }
  end
  folder = last or by_buf[next(by_buf)]
  if not folder then
    messages.error('no folder is open: run rbridge open DIR on its host')
  end
  return folder
end

function M.title(folder)
  return ('%s:%s'):format(folder.host, folder.path)
end

function M.status(buf)
  local folder = by_buf[buf]
  if not folder then
    return ''
  end
  local status = view.status(folder)
  return folder.host .. ': ' .. (status ~= '' and status or 'folder')
end

function M.show(folder, how)
  window.show(folder.buf, how or {})
  last = folder
end

-- Its life

local function forget(folder)
  all[folder.id], by_buf[folder.buf] = nil, nil
  last = last ~= folder and last or nil
  folder.over = true
end

--- The user closes it.
function M.close(folder)
  if not folder.over then
    forget(folder)
    link.ask('folder/close', { id = folder.id }, function() end)
  end
  if api.nvim_buf_is_valid(folder.buf) then
    window.remove(folder.buf)
  end
end

local function made(params)
  local folder = { root = tree.root(), odd = {}, renamed = {} }
  folder.host, folder.path, folder.name = params.host, params.path, params.name
  folder.top = params.path:gsub('/+$', '') .. '/'
  local name, number = 'rbridge://' .. folder.host .. folder.top, 1
  while vim.fn.bufexists(name) == 1 do
    number = number + 1
    name = ('rbridge://%s~%d%s'):format(folder.host, number, folder.top)
  end
  folder.buf = view.buffer(folder, name, require('rbridge.keys').of(folder))
  by_buf[folder.buf] = folder
  api.nvim_create_autocmd('BufUnload', {
    buffer = folder.buf,
    callback = function()
      vim.schedule(function() -- :edit unloads too, and loads again at once
        if not api.nvim_buf_is_loaded(folder.buf) then
          M.close(folder)
        end
      end)
    end,
  })
  api.nvim_create_autocmd('BufEnter', {
    buffer = folder.buf,
    callback = function()
      last = folder
    end,
  })
  return folder
end

--- One that was shown before the daemon was started anew.
local function left_over(params)
  for _, folder in pairs(by_buf) do
    if folder.host == params.host and folder.path == params.path and not folder.known then
      return folder
    end
  end
end

--- folder/open, inside link.go.
function M.open(params)
  local folder = all[params.id] or left_over(params)
  local shown = folder ~= nil and vim.uv.now() - link.since < M.patience
  folder = folder or made(params)
  if folder.id and all[folder.id] == folder then
    all[folder.id] = nil
  end
  all[params.id] = folder
  folder.id, folder.readonly, folder.wait = params.id, params.readOnly, params.wait
  folder.known, folder.connected, folder.gone = true, true, nil
  view.draw(folder)
  refresh(folder)
  if not shown then
    M.show(folder, params)
  end
end

function M.focus(params)
  if all[params.id] then
    M.show(all[params.id])
  end
end

function M.state(params)
  local folder = all[params.id]
  if folder then
    folder.connected = params.connected
    view.stand(folder)
    if folder.connected then
      refresh(folder)
    end
  end
end

function M.closed(params)
  local folder = all[params.id]
  if folder then
    forget(folder)
    window.remove(folder.buf)
    local why = (params.message or '') ~= '' and ': ' .. params.message or ''
    messages.info(('%s closed on %s%s'):format(folder.name, folder.host, why))
  end
end

function M.changed(params)
  local folder = all[params.folder]
  for _, raw in ipairs(folder and names.hear_all(params) or {}) do
    local node = tree.find(folder.root, raw)
    if node and node.open then
      load(folder, node)
    end
  end
end

local streams = {}

--- fs/found of a stream goes to hear(params), until `hear` is nil.
function M.listen(stream, hear)
  streams[stream] = hear
end

function M.found(params)
  if streams[params.stream] then
    streams[params.stream](params)
  end
end

-- The connection

--- For initialize.
function M.shown()
  local list = {}
  for id, folder in pairs(all) do
    list[#list + 1] = { id = id, host = folder.host, path = folder.path }
  end
  return #list > 0 and list or nil
end

--- The daemon did not have a folder open again in time.
local function given_up(folder)
  if not folder.known and not folder.over and link.ready then
    folder.gone = true
    view.stand(folder)
    local words = '%s is not open any more: run rbridge open there, or close it here'
    messages.warning(words:format(M.title(folder)))
  end
end

--- Connected again: those in `back` go on; others may be opened anew by the next daemon.
function M.begun(back)
  for _, folder in pairs(all) do
    folder.known, folder.connected, folder.gone = false, false, nil
  end
  for _, one in ipairs(back) do
    local folder = all[one.id]
    if folder then
      folder.known, folder.connected = true, one.connected
      if folder.connected then
        refresh(folder)
      end
    end
  end
  for _, folder in pairs(all) do
    view.stand(folder)
    if not folder.known then
      vim.defer_fn(function()
        given_up(folder)
      end, M.patience)
    end
  end
end

function M.lost()
  for _, folder in pairs(all) do
    folder.watched = nil
    view.stand(folder)
  end
end

--- A window was closed: a folder that somebody waits for is closed with its last one.
function M.window_closed(buf)
  local folder = by_buf[buf]
  if folder and folder.wait then
    vim.schedule(function()
      if not folder.over and #vim.fn.win_findbuf(buf) == 0 then
        M.close(folder)
      end
    end)
  end
end

--- Neovim ends.
function M.leave()
  local open = 0
  for id in pairs(link.ready and all or {}) do
    open = open + 1
    link.ask('folder/close', { id = id }, function()
      open = open - 1
    end)
  end
  vim.wait(LEAVE, function()
    return open == 0
  end)
end

-- Commands

function M.refresh()
  local folder = M.meant()
  if folder then
    refresh(folder)
  end
end

return M
