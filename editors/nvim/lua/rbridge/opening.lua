-- A document that the daemon gives to this window: on its own, or since it was asked for out of a folder.
local documents = require('rbridge.documents')
local link = require('rbridge.link')
local messages = require('rbridge.messages')
local names = require('rbridge.names')
local window = require('rbridge.window')

local M = {}
local api = vim.api
local docs, by_buf = documents.docs, documents.by_buf
local coming = {} -- by id, who waits for the same document

--- Whether a document of this id is about to be here.
function M.coming(id)
  return coming[id] ~= nil
end

--- The document that `params`, those of buffer/open, tell of, inside link.go; nil and the error where its text cannot
--- be read. `buf`: the buffer that it is for, if there is one already.
function M.taken(params, buf)
  if coming[params.id] then
    link.pause(function(resume)
      table.insert(coming[params.id], resume)
    end)
  end
  local doc = docs[params.id]
  if doc then
    return doc
  end
  doc = documents.new(params)
  coming[doc.id] = {}
  local bytes, err = documents.fetch(doc, 'buffer/read')
  if bytes then
    doc.fresh, doc.base, doc.buf = bytes, err, buf or documents.claim(doc)
    docs[doc.id], by_buf[doc.buf] = doc, doc
  end
  local waiting = coming[doc.id]
  coming[doc.id] = nil
  for _, resume in ipairs(waiting) do
    resume()
  end
  return bytes and doc, not bytes and err or nil
end

--- Show it where `how` says, see window.show.
function M.show(params, how)
  local known = docs[params.id] ~= nil
  local doc, err = M.taken(params)
  if not doc then
    return nil, err
  end
  doc.wait = doc.wait or params.wait
  local fine, fault = pcall(window.show, doc.buf, how or params)
  if not fine and not api.nvim_buf_is_loaded(doc.buf) then
    docs[doc.id], by_buf[doc.buf] = nil, nil
    error(fault, 0)
  end
  if known then
    require('rbridge.lsp.servers').attach(doc.buf) -- there may be others by now
  end
  return {}
end

--- Ask for a file of a folder, inside link.go: what buffer/open says, or nil and the error.
function M.ask(folder, raw, how)
  local params = { folder = folder.id, line = how.line, column = how.column, create = how.create }
  local head, err = link.call('fs/open', names.say(params, { path = raw }))
  if head and head.id and not docs[head.id] and not names.plain(raw) then
    head.spot = folder.top .. raw -- what the daemon says of such a path cannot be told apart
  end
  return head, err
end

--- What is said of a file that another program shows.
local function elsewhere(head)
  return ('%s is shown by %s'):format(head.name, head.viewer)
end

--- Open a file of a folder and show it, inside link.go; nil and the error where that cannot be.
function M.open(folder, raw, how)
  local head, err = M.ask(folder, raw, how)
  if not head then
    return nil, err
  elseif head.viewer then
    messages.info(elsewhere(head))
    return head
  end
  local shown
  shown, err = M.show(head, how)
  if not shown then
    link.ask('buffer/close', { id = head.id }, function() end)
  end
  return shown, err
end

--- Show a document where a buffer with another name of it is. That has its text until then: whoever has asked for the
--- buffer goes to a place in it.
local function instead(buf, doc)
  vim.fn.bufload(doc.buf)
  api.nvim_buf_set_lines(buf, 0, -1, false, api.nvim_buf_get_lines(doc.buf, 0, -1, true))
  vim.bo[buf].modified = false
  vim.schedule(function()
    M.replace(buf, doc)
  end)
end

function M.replace(buf, doc)
  for _, win in ipairs(vim.fn.win_findbuf(buf)) do
    local cursor = api.nvim_win_get_cursor(win)
    api.nvim_win_set_buf(win, doc.buf)
    pcall(api.nvim_win_set_cursor, win, cursor)
  end
  pcall(api.nvim_buf_delete, buf, { force = true })
end

--- A buffer that was named by the quickfix list, by a language server, or by the user: ask for the file, if it is in a
--- folder that is shown or a server may lead there, and wait for it at most `time` ms. The document; else nil and why
--- not, where that was not `why`.
function M.wait(buf, time, why)
  local name = api.nvim_buf_get_name(buf)
  local folder, raw = require('rbridge.folders').holding(name)
  local named = require('rbridge.lsp.uris').told(name)
  if not folder and not named then
    return nil, why
  end
  local over, doc, err
  link.go(function()
    local head
    if named then
      doc, err = require('rbridge.lsp.targets').open(name, buf)
    else
      head, err = M.ask(folder, raw, {})
    end
    if head and head.viewer then
      err = { message = elsewhere(head) }
    elseif head then
      doc, err = M.taken(head, buf)
    end
    over = true
  end)
  vim.wait(time, function()
    return over
  end)
  if not doc then
    local host = name:match('^rbridge://([^/]*)')
    return nil, err and err.message or ('%s does not answer; :edit tries again'):format(host)
  elseif doc.buf ~= buf then
    instead(buf, doc)
    return nil
  end
  return doc
end

return M
