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
