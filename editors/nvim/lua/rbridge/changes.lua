-- What the user does with the entries of a folder: open, make, rename, remove.
local documents = require('rbridge.documents')
local folders = require('rbridge.folders')
local link = require('rbridge.link')
local messages = require('rbridge.messages')
local names = require('rbridge.names')
local opening = require('rbridge.opening')

local M = {}

local CONFIRM, UNKNOWN = -32014, -32017

--- The folder that is meant, and the entry under the cursor, where the folder may be changed.
local function changeable()
  local folder, node = folders.meant()
  if folder and folder.readonly then
    messages.error(('%s was opened read-only'):format(folders.title(folder)))
    return nil
  end
  return folder, node
end

--- What the host did not do, and why; what is shown may be older than that.
local function failed(folder, raw, err)
  local unknown = err.code == UNKNOWN and ('%s: not connected'):format(folders.title(folder))
  messages.error(unknown or err.message)
  if link.ready and folder.connected then
    folders.look(folder, raw)
  end
end

--- Open a path, in the window that is current now. `how` as in window.show.
function M.open(folder, raw, how)
  how = vim.tbl_extend('keep', how or {}, { win = vim.api.nvim_get_current_win() })
  folder.opening = folder.opening or {}
  if folder.opening[raw] then
    return
  end
  folder.opening[raw] = true
  link.go(function()
    local shown, err = opening.open(folder, raw, how)
    folder.opening[raw] = nil
    if not shown then
      failed(folder, raw, err)
    end
  end, function(fault)
    folder.opening[raw] = nil
    messages.error(fault)
  end)
end

local function ask(prompt, default, done)
  vim.ui.input({ prompt = prompt, default = default }, function(typed)
    if typed and typed ~= '' then
      done(typed)
    end
  end)
end

--- Where a new entry goes that is made at the cursor, as the user reads it; nothing where that cannot be typed.
local function near(node)
  if not node then
    return ''
  end
  local raw = node.type == 'directory' and node.open and node.raw or names.above(node.raw)
  return raw ~= '' and names.plain(raw) and raw .. '/' or ''
end

--- A new file, or with `/` at its end a new directory; `path` is below the folder's root, empty to be asked for.
function M.make(path, kind)
  local folder, node = changeable()
  if not folder then
    return
  end
  local function make(typed)
    local directory = kind == 'directory' or typed:sub(-1) == '/'
    local raw = typed:gsub('/+$', '')
    link.go(function()
      local params = { folder = folder.id, kind = directory and 'directory' or 'file' }
      local _, err = link.call('fs/make', names.say(params, { path = raw }))
      if err then
        return failed(folder, raw, err)
      end
      folders.look(folder, raw, directory and node and node.raw)
      messages.info(('%s made on %s'):format(names.show(typed), folder.host))
      if not directory then
        M.open(folder, raw)
      end
    end)
  end
  if path ~= '' then
    make(path)
  else
    ask(kind == 'directory' and 'New folder: ' or 'New file: ', near(node), make)
  end
end

--- Give the entry under the cursor, or the current text, another path below the folder's root.
function M.rename(path)
  local folder, node = changeable()
  if not folder then
    return
  elseif not node or node.raw == '' then
    return messages.error('rename what? Put the cursor on an entry of the folder')
  end
  local function rename(typed)
    local to = typed:gsub('/+$', '')
    link.go(function()
      local _, err = link.call('fs/move', names.say({ folder = folder.id }, { path = node.raw, to = to }))
      if err then
        return failed(folder, node.raw, err)
      end
      documents.moved(folder.host, folder.top .. node.raw, folder.top .. to)
      folder.renamed[node.raw] = to
      folders.look(folder, node.raw)
      folders.look(folder, to)
      messages.info(('%s is %s now on %s'):format(names.show(node.raw), names.show(to), folder.host))
    end)
  end
  if path ~= '' then
    rename(path)
  else
    local default = names.plain(node.raw) and node.raw or near(node)
    ask(('Rename %s to: '):format(names.show(node.raw)), default, rename)
  end
end

local function question(folder, node, data)
  local what = names.show(node.raw)
  if data.type == 'directory' then
    local count = data.entries == 0 and 'empty'
      or ('with %s%d %s'):format(data.more and 'more than ' or '', data.entries, data.entries == 1 and 'entry' or 'entries')
    what = ('%s/ (%s)'):format(what, count)
  elseif data.type == 'link' or node.link then
    what = ('the link %s'):format(what)
  end
  return ('Remove %s on %s?'):format(what, folder.host)
end

--- Remove the entry under the cursor, or the file of the current text, after a question.
function M.remove()
  local folder, node = changeable()
  if not folder then
    return
  elseif not node or node.raw == '' then
    return messages.error('remove what? Put the cursor on an entry of the folder')
  end
  link.go(function()
    local params = names.say({ folder = folder.id }, { path = node.raw })
    local _, err = link.call('fs/remove', params)
    if err and err.code == CONFIRM then
      local data = type(err.data) == 'table' and err.data or {}
      local choice = link.pause(function(resume)
        local how = { prompt = question(folder, node, data), kind = 'rbridge' }
        vim.ui.select({ 'Remove', 'Keep' }, how, vim.schedule_wrap(resume))
      end)
      if choice ~= 'Remove' then
        return
      end
      params.confirmed, params.recursive = true, data.type == 'directory' or nil
      _, err = link.call('fs/remove', params)
    end
    if err then
      return failed(folder, node.raw, err)
    end
    folders.look(folder, node.raw)
    messages.info(('%s removed on %s'):format(names.show(node.raw), folder.host))
  end)
end

return M
