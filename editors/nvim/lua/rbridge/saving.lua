-- Saving: from :w to the host's word.
local link = require('rbridge.link')
local messages = require('rbridge.messages')
local rpc = require('rbridge.rpc')
local text = require('rbridge.text')

local M = {}
local api = vim.api

local WAIT = 10000 -- ms that :w waits for the host; then it goes on by itself
local SILENT = 300 -- ms until it says that it waits
local CONFLICT, UNCERTAIN = -32011, -32012

local function unchanged(doc, tick)
  return api.nvim_buf_is_loaded(doc.buf) and api.nvim_buf_get_changedtick(doc.buf) == tick
end

--- The host has what the buffer holds. Where no :w runs any more another one, that writes nothing, has Neovim know
--- that undo leads away from what is saved.
local function arrived(doc)
  if not link.saving then
    doc.arrived = true
    api.nvim_buf_call(doc.buf, function()
      vim.cmd('silent! write!')
    end)
    doc.arrived = nil
  end
  vim.bo[doc.buf].modified = false
end

--- What the daemon said of a text that was sent when the buffer's changedtick was `tick`.
local function settle(doc, tick, result, err)
  if result and (result.outcome == 'saved' or result.outcome == 'sent') then
    doc.base, doc.sent, doc.digest, doc.state = result.base, nil, nil, 'clean'
    if unchanged(doc, tick) then
      arrived(doc)
    end
    local how = result.outcome == 'saved' and '%s saved on %s' or '%s sent to %s, which confirms nothing'
    return messages.info(how:format(doc.name, doc.host))
  elseif result then
    local message = result.message or ''
    doc.digest = result.digest
    return messages.warning(message ~= '' and message or doc.name .. ' is kept here until its host is back')
  elseif err.code == rpc.LOST or err.code == UNCERTAIN then
    doc.digest = type(err.data) == 'table' and err.data.digest or nil
    return messages.error(('%s: not known yet whether %s has it: %s'):format(doc.name, doc.host, err.message))
  end
  doc.sent = nil
  messages.error(('%s is not saved on %s: %s'):format(doc.name, doc.host, err.message))
  if err.code == CONFLICT then
    doc.state = 'conflict'
    vim.schedule(function()
      require('rbridge.conflict').ask(doc)
    end)
  end
end

--- Send a text, inside link.go, after those that were sent before: each stands on the base that the last one
--- left. True once the host has it.
function M.send(doc, bytes, tick, force)
  while doc.saving do
    link.pause(function(resume)
      table.insert(doc.waiters, resume)
    end)
  end
  doc.saving, doc.sent, doc.digest = true, bytes, nil
  doc.refresh()
  local result, err
  for _, part in ipairs(text.pack(bytes)) do
    part.id, part.base, part.force = doc.id, doc.base, force or nil
    result, err = link.call('buffer/write', part)
    if not result then
      break
    end
  end
  doc.saving = false
  settle(doc, tick, result, err)
  doc.refresh()
  local waiters = doc.waiters
  doc.waiters = {}
  for _, resume in ipairs(waiters) do
    resume()
  end
  return doc.sent == nil and doc.state == 'clean'
end

--- A kept or uncertain text may have arrived, now that the host's has the digest `base`. Inside link.go. Where the
--- daemon did not say the digest of what was sent, since the connection to it was lost first, its text is read.
function M.look(doc, base, fetch)
  local bytes
  if not doc.digest then
    bytes, base = fetch(doc, 'buffer/read')
  end
  if doc.digest and doc.digest ~= base or not doc.digest and doc.sent ~= bytes then
    return false
  end
  if api.nvim_buf_is_loaded(doc.buf) and text.encode(doc.buf) == doc.sent then
    arrived(doc)
  end
  doc.base, doc.sent, doc.digest, doc.state = base, nil, nil, 'clean'
  messages.info(('%s saved on %s'):format(doc.name, doc.host))
  doc.refresh()
  return true
end

--- Wait for a condition while the user looks on; true when it came to hold.
local function wait(doc, over)
  if vim.wait(SILENT, over) then
    return true
  end
  api.nvim_echo({ { ('rbridge: saving %s on %s (Ctrl-C: do not wait)'):format(doc.name, doc.host) } }, false, {})
  vim.cmd.redraw()
  return vim.wait(vim.g.rbridge_wait or WAIT, over, 20)
end

--- :w of a buffer. While it is modified afterwards Neovim takes the write for failed, and :wq does not quit.
function M.write(doc, force)
  local buf = doc.buf
  if doc.arrived then
    vim.bo[buf].modified = false
    return
  end
  api.nvim_exec_autocmds('BufWritePre', { buffer = buf, modeline = false })
  local bytes, why = text.encode(buf)
  if not bytes then
    return messages.error(('%s is not saved: %s'):format(doc.name, why))
  end
  local over, saved = false, false
  local tick = api.nvim_buf_get_changedtick(buf)
  link.saving = true
  link.go(function()
    saved = M.send(doc, bytes, tick, force)
    over = true
  end, function(fault)
    over = true
    messages.error(fault)
  end)
  local came = wait(doc, function()
    return over
  end)
  link.saving = false
  if not came then
    messages.warning(('%s not saved yet: %s does not answer'):format(doc.name, doc.host))
  elseif saved then
    api.nvim_exec_autocmds('BufWritePost', { buffer = buf, modeline = false })
  end
end

return M
