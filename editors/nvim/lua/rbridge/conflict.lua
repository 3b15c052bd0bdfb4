-- The host's file is another one than the text here stands on: compare, overwrite, reload.
local link = require('rbridge.link')
local messages = require('rbridge.messages')
local text = require('rbridge.text')

local M = {}
local api = vim.api

local function documents()
  return require('rbridge.documents')
end

local function of(buf)
  local doc = documents().of(buf)
  if not doc then
    messages.error('this is no text of a host, or not connected any more')
  end
  return doc
end

--- Show the host's text beside the buffer, as a diff.
function M.compare(buf)
  local doc = of(buf)
  if not doc then
    return
  end
  link.go(function()
    local bytes, err = documents().fetch(doc, 'buffer/theirs')
    if not bytes then
      bytes, err = documents().fetch(doc, 'buffer/read') -- no conflict: what is there
    end
    if not bytes then
      return messages.error(('cannot compare %s: %s'):format(doc.name, err.message))
    end
    local win = vim.fn.bufwinid(doc.buf)
    if win == -1 then
      return
    end
    local other = api.nvim_create_buf(false, true) -- no file, no swap file
    local bo = vim.bo[other]
    bo.undofile, bo.modeline, bo.bufhidden = false, false, 'wipe'
    text.fill(other, bytes, true)
    bo.modifiable = false
    pcall(api.nvim_buf_set_name, other, ('rbridge-host://%s%s'):format(doc.host, doc.path))
    api.nvim_set_current_win(win)
    vim.cmd.diffthis()
    api.nvim_open_win(other, false, { split = 'right', win = win })
    api.nvim_win_call(vim.fn.bufwinid(other), vim.cmd.diffthis)
    bo.filetype = vim.bo[doc.buf].filetype
  end)
end

--- `mine`: this text goes over the host's. `theirs`: the host's text comes here, this one is given up.
function M.resolve(buf, choose)
  local doc = of(buf)
  if not doc then
    return
  end
  if choose == 'mine' then
    api.nvim_buf_call(doc.buf, function()
      require('rbridge.saving').write(doc, true)
    end)
  elseif choose == 'theirs' then
    link.go(function()
      documents().theirs(doc)
    end)
  else
    messages.error('mine or theirs?')
  end
end

--- Ask what to do; no answer leaves everything as it is.
function M.ask(doc)
  local prompt = ('%s was changed on %s:'):format(doc.name, doc.host)
  local function chosen(choice)
    if choice == 'Compare' then
      M.compare(doc.buf)
    elseif choice then
      M.resolve(doc.buf, choice == 'Overwrite' and 'mine' or 'theirs')
    end
  end
  -- Scheduled: the prompt has left the screen then, and does not take the next line with it.
  local answers = { 'Compare', 'Overwrite', 'Reload' }
  vim.ui.select(answers, { prompt = prompt, kind = 'rbridge' }, vim.schedule_wrap(chosen))
end

return M
