-- Files that a language server names and that are not open: got before Neovim sees the message, all at once, so that
-- nothing waits in the middle of a jump. What is not shown or changed soon after is let go again.
local documents = require('rbridge.documents')
local link = require('rbridge.link')
local messages = require('rbridge.messages')
local opening = require('rbridge.opening')
local uris = require('rbridge.lsp.uris')

local M = {}
local api = vim.api

local AT_ONCE = 8 -- files that are asked for before the first has come
local WAIT = 10000 -- ms in which the next one has to come
M.kept = 3000 -- ms that one which nobody looks at stays open

local PLACES = {
  ['textDocument/declaration'] = true,
  ['textDocument/definition'] = true,
  ['textDocument/implementation'] = true,
  ['textDocument/references'] = true,
  ['textDocument/typeDefinition'] = true,
}
local EDITS = {
  ['textDocument/rename'] = function(result)
    return result
  end,
  ['codeAction/resolve'] = function(result)
    return result.edit
  end,
  ['workspace/applyEdit'] = function(params)
    return params.edit
  end,
}

-- One file

--- Whether it is to be kept by what the user does.
local function wanted(doc)
  return documents.modified(doc) or #vim.fn.win_findbuf(doc.buf) > 0
end

--- The user has it now.
function M.keep(doc)
  if doc.glance then
    doc.glance = nil
    vim.bo[doc.buf].buflisted = true
  end
end

local function let_go(doc)
  if not doc.glance or documents.docs[doc.id] ~= doc then
    return
  elseif wanted(doc) then
    M.keep(doc)
    require('rbridge.lsp.servers').attach(doc.buf)
  elseif api.nvim_buf_is_loaded(doc.buf) then
    api.nvim_buf_delete(doc.buf, { unload = true }) -- the buffer stays: the quickfix list may lead to it
  else
    documents.forget(doc)
  end
end

--- Have a file opened that a server has named, inside link.go: its document, or nil and the error. `buf`: the buffer
--- that it is for.
function M.open(name, buf)
  local head, err = link.call('lsp/open', { uri = uris.uri(name) })
  if not head then
    return nil, err
  end
  local known = documents.docs[head.id] ~= nil or opening.coming(head.id)
  local doc
  doc, err = opening.taken(head, buf)
  if not doc then
    link.ask('buffer/close', { id = head.id }, function() end)
  elseif not known then
    doc.glance, doc.fixed = true, doc.readonly
    vim.defer_fn(function()
      let_go(doc)
    end, M.kept)
  end
  return doc, err
end

-- The files of a message

--- The names in what a request was answered with, and whether they are of edits, which go together or not at all.
local function named(method, result)
  local found = {}
  if type(result) ~= 'table' then
    return found
  elseif PLACES[method] then
    for _, one in ipairs(vim.islist(result) and result or { result }) do
      found[one.targetUri or one.uri or ''] = true
    end
  elseif EDITS[method] then
    local edit = EDITS[method](result) or {}
    for name in pairs(edit.changes or {}) do
      found[name] = true
    end
    for _, one in ipairs(edit.documentChanges or {}) do
      found[one.textDocument and one.textDocument.uri or ''] = true
    end
  end
  return found, EDITS[method] ~= nil
end

local function missing(names)
  local list = {}
  for name in pairs(names) do
    if uris.ours(name) and not uris.document(name) then
      list[#list + 1] = name
    end
  end
  table.sort(list)
  return list
end

--- A buffer that has a name already, of an earlier look at it.
local function left(name)
  local buf = vim.fn.bufadd(name)
  return not documents.by_buf[buf] and not vim.bo[buf].modified and buf or nil
end

--- Open files; done(buffers, errors), both by name.
local function open_all(list, done)
  local buffers, errors, open, next_one, over = {}, {}, 0, 1, false
  local since = vim.uv.now()
  local function finish()
    if not over then
      over = true
      done(buffers, errors)
    end
  end
  local function late()
    local left_over = WAIT - (vim.uv.now() - since)
    if over then
      return
    elseif left_over > 0 then
      return vim.defer_fn(late, left_over)
    end
    for _, name in ipairs(list) do
      local why = ('%s: its host does not answer'):format(vim.fs.basename(name))
      errors[name] = not buffers[name] and (errors[name] or why) or nil
    end
    finish()
  end
  local function more()
    since = vim.uv.now()
    while not over and open < AT_ONCE and next_one <= #list do
      local name = list[next_one]
      next_one, open = next_one + 1, open + 1
      link.go(function()
        local doc, err = M.open(name, left(name))
        buffers[name] = doc and api.nvim_buf_get_name(doc.buf)
        errors[name] = not doc and err.message or nil
        open = open - 1
        more()
      end, function(fault)
        errors[name], open = fault:match('[^\n]*'), open - 1
        more()
      end)
    end
    if open == 0 and next_one > #list then
      finish()
    end
  end
  more()
  late()
end

local function without(places, errors)
  local left_over = vim.tbl_filter(function(one)
    return not errors[one.targetUri or one.uri]
  end, vim.islist(places) and places or { places })
  return left_over
end

--- Have all that an answer of a language server, or a request of it, leads to: done(result, refusal). `result` is in the
--- names of buffers; places in files that cannot be had are left out of it. `refusal`: why an edit cannot be.
function M.prepare(method, result, done)
  local names, together = named(method, result)
  local list = missing(names)
  if #list == 0 then
    return done(result)
  end
  open_all(list, function(buffers, errors)
    local name, why = next(errors)
    if name and together then
      return done(nil, why)
    elseif name then
      local others = vim.tbl_count(errors) - 1
      messages.error(why .. (others > 0 and (' (and %d more)'):format(others) or ''))
      result = without(result, errors)
    end
    done(uris.renamed(result, function(one)
      return buffers[one] or one
    end))
  end)
end

return M
