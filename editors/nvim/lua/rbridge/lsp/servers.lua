-- The language servers of the hosts' own environments: one client of vim.lsp for each server and project, shared by
-- the buffers of that project.
local documents = require('rbridge.documents')
local link = require('rbridge.link')
local messages = require('rbridge.messages')
local place = require('rbridge.place')
local rpc = require('rbridge.rpc')
local settings = require('rbridge.lsp.settings')

local M = {}
local api = vim.api

local AWAY, NO_METHOD = -32015, -32601 -- the host is not connected; an older daemon
local EMPTY = 1000 -- ms that a client stays which no buffer has
local AGAIN, TIMES, WITHIN = 1000, 3, 180000 -- ms until one that ended is started again; how often within how many ms
local clients = {} -- by key, the number of the client
local keys = {} -- the other way round
local ends = {} -- by key, when it ended without being told to
local due = {} -- buffers that will be asked for, as a set
local refused = {} -- why there were none, as a set

--- Whether the user wants them.
function M.on()
  return vim.g.rbridge_lsp ~= false and vim.g.rbridge_lsp ~= 0
end

local function key_of(doc, server)
  return table.concat({ doc.host, server.root, server.name }, '\0')
end

--- The clients that are ours of a buffer, by their numbers.
local function attached(buf)
  local found = {}
  for id in pairs(keys) do
    found[id] = vim.lsp.buf_is_attached(buf, id) or nil
  end
  return found
end

local function detach(buf, id)
  if api.nvim_buf_is_loaded(buf) and vim.lsp.buf_is_attached(buf, id) then
    vim.lsp.buf_detach_client(buf, id)
  end
end

--- A client has ended. `meant`: we, or the user, wanted that.
local function ended(key, id, meant)
  clients[key] = clients[key] ~= id and clients[key] or nil
  keys[id or 0] = nil
  if meant then
    return
  end
  local now = vim.uv.now()
  ends[key] = vim.tbl_filter(function(at)
    return now - at < WITHIN
  end, ends[key] or {})
  table.insert(ends[key], now)
  if #ends[key] <= TIMES then
    vim.defer_fn(M.again, AGAIN)
  end
end

--- The daemon's socket for language clients.
local function socket()
  local editor = place.socket()
  return editor and vim.fs.dirname(editor) .. '/lsp.sock'
end

local function start(doc, server, primary)
  local key, path, id = key_of(doc, server), socket(), nil
  if not path then
    return nil
  end
  local config = settings.client(doc, server, primary)
  config.cmd = require('rbridge.lsp.wire').connect(path, function(meant)
    ended(key, id, meant)
  end)
  id = vim.lsp.start(config, {
    bufnr = doc.buf,
    reuse_client = function(client)
      return client.id == clients[key] and not client:is_stopped()
    end,
  })
  if id then
    clients[key], keys[id] = id, key
  end
  return id
end

--- Whether a buffer is one that the user works with, and not one that was only looked into.
local function used(doc)
  return not doc.glance or documents.modified(doc) or #vim.fn.win_findbuf(doc.buf) > 0
end

local function ask(buf)
  local doc = documents.of(buf)
  local filetype = doc and api.nvim_buf_is_loaded(buf) and vim.bo[buf].filetype or ''
  if filetype == '' or not link.ready or M.unknown == link.since or not used(doc) then
    return
  end
  link.go(function()
    local asked = { id = doc.id, language = settings.language(filetype) }
    local found, err = link.call('lsp/servers', asked)
    doc.unserved = err ~= nil and err.code == AWAY or nil
    if err and err.code == NO_METHOD then
      M.unknown = link.since
    elseif err and err.code ~= AWAY and err.code ~= rpc.LOST and not refused[err.message] then
      refused[err.message] = true -- said once, and not for every file
      messages.warning(('no language server for %s: %s'):format(doc.name, err.message))
    end
    local here = documents.of(buf) == doc and api.nvim_buf_is_loaded(buf)
    if not found or not here or vim.bo[buf].filetype ~= filetype then
      return
    end
    local wanted = {}
    for number, server in ipairs(found.servers or {}) do
      local id = start(doc, server, number == 1)
      if id then
        wanted[id] = true
      end
    end
    for id in pairs(attached(buf)) do
      if not wanted[id] then
        detach(buf, id)
      end
    end
    if (found.advice or '') ~= '' then
      messages.notice(found.advice)
    end
  end)
end

--- Give a buffer what there is for it; again whenever that may be something else.
function M.attach(buf)
  if M.on() and documents.of(buf) and not due[buf] then
    due[buf] = true
    vim.schedule(function()
      due[buf] = nil
      ask(buf)
    end)
  end
end

--- The daemon, or a connection of it, is there again.
function M.again()
  for _, doc in pairs(documents.docs) do
    M.attach(doc.buf)
  end
end

--- The host of a document is connected again.
function M.connected(doc)
  if doc.unserved then
    M.attach(doc.buf)
  end
end

--- A buffer is no document any more, or gets another name.
function M.detach(buf)
  for id in pairs(attached(buf)) do
    detach(buf, id)
  end
end

--- A client may have lost its last buffer.
function M.detached(id)
  if not keys[id] then
    return
  end
  vim.defer_fn(function()
    local client = keys[id] and vim.lsp.get_client_by_id(id)
    if not client or next(client.attached_buffers) ~= nil then
      return
    elseif vim.fn.has('nvim-0.11') == 1 then
      client:stop()
    else
      vim.lsp.stop_client(id)
    end
  end, EMPTY)
end

return M
