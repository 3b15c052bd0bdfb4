if vim.g.loaded_rbridge then
  return
end
vim.g.loaded_rbridge = 1
if vim.fn.has('nvim-0.10') == 0 then
  return vim.notify('rbridge needs Neovim 0.10 or later', vim.log.levels.WARN)
end

vim.api.nvim_create_user_command('RbridgeDiff', function()
  require('rbridge.conflict').compare(0)
end, { desc = "Compare this buffer with its host's text" })

vim.api.nvim_create_user_command('RbridgeResolve', function(args)
  require('rbridge.conflict').resolve(0, args.args)
end, {
  nargs = 1,
  complete = function(start)
    return vim.tbl_filter(function(word)
      return vim.startswith(word, start)
    end, { 'mine', 'theirs' })
  end,
  desc = "Settle a conflict: mine goes to the host, or the host's text comes here",
})

--- A command about the folder that is meant: work(argument, bang).
local function command(name, nargs, desc, work, bang)
  vim.api.nvim_create_user_command(name, function(args)
    work(args.args, args.bang)
  end, { nargs = nargs, bang = bang, desc = desc })
end

command('RbridgeFolder', 0, 'Show the folder of a host', function()
  local folders = require('rbridge.folders')
  local folder = folders.meant()
  if folder then
    folders.show(folder)
  end
end)
command('RbridgeFind', '?', 'Find a file of the folder', function(query)
  require('rbridge.find').open(query)
end)
command('RbridgeSearch', 1, 'Search in the files of the folder; with ! for a regular expression', function(query, regex)
  require('rbridge.search').start(query, regex)
end, true)
command('RbridgeStop', 0, 'End the search that runs', function()
  require('rbridge.search').stop()
end)
command('RbridgeNewFile', '?', 'Make a file in the folder', function(path)
  require('rbridge.changes').make(path, 'file')
end)
command('RbridgeNewFolder', '?', 'Make a directory in the folder', function(path)
  require('rbridge.changes').make(path, 'directory')
end)
command('RbridgeRename', '?', 'Rename or move an entry of the folder', function(path)
  require('rbridge.changes').rename(path)
end)
command('RbridgeRemove', 0, 'Remove an entry of the folder', function()
  require('rbridge.changes').remove()
end)
command('RbridgeRefresh', 0, 'List the folder again', function()
  require('rbridge.folders').refresh()
end)
command('RbridgeCloseFolder', 0, 'Close the folder', function()
  local folders = require('rbridge.folders')
  local folder = folders.meant()
  if folder then
    folders.close(folder)
  end
end)

-- A Neovim without a screen (a script, a language server's helper) is no window to open files in.
if #vim.api.nvim_list_uis() > 0 then
  require('rbridge').start()
else
  vim.api.nvim_create_autocmd('UIEnter', {
    once = true,
    callback = function()
      require('rbridge').start()
    end,
  })
end
