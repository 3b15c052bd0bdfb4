-- Between the names of buffers and the URIs of documents.
--
-- Neovim takes the name of a buffer with a scheme for its URI, and a URI for the name of a buffer. Names are for people:
-- nothing in them is percent-encoded, and two documents may need different ones. So a document is called by its own
-- URI on the way out, and by the name of its buffer on the way in; what is no document here yet gets the name that its
-- buffer will have.
local documents = require('rbridge.documents')
local names = require('rbridge.names')

local M = {}
local api = vim.api

local SCHEME = 'rbridge://'
local told = {} -- by name, the URI that a language server said
local roots = {} -- URIs of projects, which Neovim says as they are, as a set
local MEMBERS = { uri = true, targetUri = true, baseUri = true, scopeUri = true, oldUri = true, newUri = true }
local OPAQUE = { data = true, arguments = true } -- go back to the server as they came

--- Whether a message has anything that would have to be renamed.
function M.within(body)
  return body == nil or body:find(SCHEME, 1, true) ~= nil
end

local function ours(text)
  return type(text) == 'string' and vim.startswith(text, SCHEME)
end
M.ours = ours

--- A message's table with each URI as change(uri) has it; what is not changed is not copied.
function M.renamed(value, change)
  local copy
  for key, one in pairs(value) do
    local new_key, new = key, one
    if ours(key) then
      new_key = change(key)
    end
    if type(one) == 'table' then
      new = OPAQUE[key] and one or M.renamed(one, change)
    elseif MEMBERS[key] and ours(one) then
      new = change(one)
    end
    if new ~= one or new_key ~= key then
      if not copy then
        copy = setmetatable({}, getmetatable(value))
        for other, kept in pairs(value) do
          copy[other] = kept
        end
      end
      copy[key] = nil
      copy[new_key] = new
    end
  end
  return copy or value
end

--- The document whose buffer has a name.
local function document(name)
  for buf, doc in pairs(documents.by_buf) do
    if not doc.lost and api.nvim_buf_is_valid(buf) and api.nvim_buf_get_name(buf) == name then
      return doc
    end
  end
end
M.document = document

--- Neovim says the URI of a project's root as it was given.
function M.root(uri)
  roots[uri] = true
end

--- The URI of what a buffer's name stands for.
function M.uri(name)
  local id = name:match('%?(%x+)$')
  if roots[name] or id and documents.docs[id] and documents.docs[id].uri == name then
    return name
  end
  local doc = document(name)
  local host, path = name:match('^rbridge://([^/]*)(.*)$')
  return doc and doc.uri or told[name] or SCHEME .. vim.uri_encode(host) .. vim.uri_encode(path)
end

--- Whether a language server has named it.
function M.told(name)
  return told[name] ~= nil
end

--- The name of the buffer that has, or will have, what a URI stands for.
function M.name(uri)
  local host, path, id = uri:match('^rbridge://([^/?#]*)([^?#]*)%??([^#]*)')
  local doc = documents.docs[id]
  if doc and api.nvim_buf_is_valid(doc.buf) then
    return api.nvim_buf_get_name(doc.buf)
  end
  local name = SCHEME .. vim.uri_decode(host) .. names.show(vim.uri_decode(path))
  told[name] = uri
  return name
end

function M.outward(params)
  return type(params) == 'table' and M.renamed(params, M.uri) or params
end

--- `body`: the message that it came in.
function M.inward(params, body)
  return type(params) == 'table' and M.within(body) and M.renamed(params, M.name) or params
end

return M
