-- What the daemon says: requests, notices, and what became of the documents after a lost connection.
local documents = require('rbridge.documents')
local folders = require('rbridge.folders')
local link = require('rbridge.link')
local messages = require('rbridge.messages')
local opening = require('rbridge.opening')
local saving = require('rbridge.saving')
local servers = require('rbridge.lsp.servers')
local window = require('rbridge.window')

local M = {}
local docs, by_buf = documents.docs, documents.by_buf

local AGAIN = 20 -- ms until it is looked again whether a buffer is there
local requests, notices = {}, {}

requests['buffer/open'] = function(params)
  return opening.show(params)
end

requests['buffer/diff'] = function(params)
  return require('rbridge.diff').show(params)
end

requests['folder/open'] = folders.open

requests.question = function(params)
  local choice = link.pause(function(resume)
    vim.ui.select(params.answers, { prompt = params.message, kind = 'rbridge' }, vim.schedule_wrap(resume))
  end)
  return choice and { answer = choice }
end

notices['buffer/changed'] = function(params)
  local doc = docs[params.id]
  if not doc then
    return opening.coming(params.id) and vim.defer_fn(function()
      notices['buffer/changed'](params)
    end, AGAIN)
  end
  link.go(function()
    local taken = documents.reload(doc, params.force)
    if not taken then
      documents.conflict(doc)
    end
    link.call('buffer/taken', { id = doc.id, base = taken and doc.base or params.base, taken = taken })
  end)
end

notices['buffer/state'] = function(params)
  local doc = docs[params.id]
  if not doc then
    return
  end
  doc.message, doc.connected = params.message or '', params.connected ~= false
  if params.state == 'conflict' then
    documents.conflict(doc)
  elseif params.state == 'clean' and doc.sent and not doc.saving then
    link.go(function()
      saving.look(doc, params.base, documents.fetch)
      documents.release(doc)
    end)
  end
  doc.state = params.state
  doc.refresh()
  if doc.connected then
    servers.connected(doc)
  end
end

notices['buffer/closed'] = function(params)
  local doc = docs[params.id]
  if not doc then
    return
  end
  local why = (params.message or '') ~= '' and ': ' .. params.message or ''
  if documents.modified(doc) then
    documents.lose(doc)
    messages.warning(('%s closed on %s; the text stays (:w FILE)%s'):format(doc.name, doc.host, why))
  else
    docs[doc.id], by_buf[doc.buf] = nil, nil
    window.remove(doc.buf)
    messages.info(('%s closed on %s%s'):format(doc.name, doc.host, why))
  end
end

notices['window/show'] = function(params)
  local show = ({ error = messages.error, warning = messages.warning })[params.kind] or messages.info
  show(params.message or '')
end

notices['folder/focus'] = folders.focus
notices['folder/state'] = folders.state
notices['folder/closed'] = folders.closed
notices['fs/changed'] = folders.changed
notices['fs/found'] = folders.found

-- The connection

local function buffers()
  local list = {}
  for id, doc in pairs(docs) do
    list[#list + 1] = { id = id, base = doc.base, modified = documents.modified(doc) }
  end
  return #list > 0 and list or nil
end

--- Connected, for the first time or again: what became of each document meanwhile.
local function begun(result)
  folders.begun(result.folders or {})
  local back = {}
  for _, one in ipairs(result.buffers or {}) do
    back[one.id] = one
  end
  for _, id in ipairs(vim.tbl_keys(docs)) do
    local doc, one = docs[id], back[id]
    if not one then
      documents.lose(doc)
      messages.warning(('%s is closed on %s; the text stays (:w FILE)'):format(doc.name, doc.host))
    else
      doc.connected, doc.message = one.connected ~= false, one.message or ''
      if one.state == 'conflict' then
        documents.conflict(doc)
      end
      doc.state = one.state
      doc.refresh()
      link.go(function()
        if doc.sent and saving.look(doc, one.base, documents.fetch) then
          return documents.release(doc)
        elseif doc.sent and one.state == 'clean' then
          doc.sent = nil
          messages.error(('%s is not saved on %s: the connection was lost before'):format(doc.name, doc.host))
        end
        if one.base ~= doc.base and not documents.reload(doc) then
          documents.conflict(doc)
        end
      end)
    end
  end
end

function M.start()
  link.start({
    requests = requests,
    notices = notices,
    at_once = function(method, params) -- neither touches a window
      local state = method == 'buffer/state' or method == 'buffer/changed'
      return method == 'folder/state' or state and docs[params.id] ~= nil
    end,
    buffers = buffers,
    folders = folders.shown,
    lsp = servers.on,
    begun = function(result)
      begun(result)
      servers.again()
    end,
    lost = function()
      for _, doc in pairs(docs) do
        doc.refresh()
      end
      folders.lost()
      if next(docs) then
        messages.warning('connection lost, tried again; the texts stay')
      end
    end,
    refused = function(err)
      messages.error(('rbridge refused this plug-in: %s (rbridge plugin install nvim)'):format(err.message))
    end,
  })
end

return M
