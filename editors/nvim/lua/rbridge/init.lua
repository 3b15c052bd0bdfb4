-- rbridge: files of remote hosts as buffers, with no file on this machine. See :help rbridge.
local M = {}

--- Whether the window is one that Neovim has made for a moment, to load a buffer that nobody looks at.
local function passing()
  return vim.fn.win_gettype() == 'autocmd'
end

--- Begin to look for the daemon; plugin/rbridge.lua does this once there is a window.
function M.start()
  local api = vim.api
  local documents = require('rbridge.documents')
  local folders = require('rbridge.folders')
  local history = require('rbridge.history')
  local registers = require('rbridge.registers')
  local servers = require('rbridge.lsp.servers')
  local group = api.nvim_create_augroup('rbridge', {})
  local ours = 'rbridge://*'
  local function on(event, pattern, callback)
    api.nvim_create_autocmd(event, { group = group, pattern = pattern, nested = true, callback = callback })
  end
  on('BufReadCmd', ours, function(args)
    documents.read(args.buf)
  end)
  on('BufWriteCmd', ours, function(args)
    documents.write(args.buf, args.match)
  end)
  on({ 'FileWriteCmd', 'FileAppendCmd' }, ours, function()
    require('rbridge.messages').error('only a whole text can be written to its host: :w')
  end)
  on('BufUnload', ours, function(args)
    documents.unloaded(args.buf)
  end)
  on('BufFilePre', ours, function(args)
    servers.detach(args.buf)
  end)
  on('BufFilePost', '*', function(args)
    documents.renamed(args.buf)
    servers.attach(args.buf)
  end)
  on('FileType', '*', function(args)
    servers.attach(args.buf)
  end)
  on('BufWinEnter', ours, function(args)
    if not passing() then
      documents.shown(args.buf)
    end
  end)
  on('LspDetach', '*', function(args)
    servers.detached(args.data.client_id)
  end)
  on('QuitPre', ours, function(args)
    documents.quitting(args.buf)
  end)
  on('WinClosed', '*', function(args)
    documents.window_closed(args.buf)
    folders.window_closed(args.buf)
  end)
  on({ 'BufEnter', 'FocusGained' }, '*', function(args)
    if not passing() then
      documents.focus(args.buf)
    end
  end)
  on('BufEnter', '*', function(args)
    if not passing() then
      history.enter(documents.by_buf[args.buf] ~= nil or folders.by_buf[args.buf] ~= nil)
    end
  end)
  on({ 'TextYankPost', 'RecordingLeave' }, ours, registers.note)
  on('TextYankPost', '*', function(args)
    if vim.b[args.buf].rbridge_search then
      registers.note()
    end
  end)
  on('VimLeavePre', '*', function()
    documents.leave()
    folders.leave()
    registers.forget()
    history.forget()
  end)
  -- No marks and no names of ours in the shada file.
  if not vim.tbl_contains(vim.opt.shada:get(), 'rrbridge://') then
    vim.opt.shada:append('rrbridge://')
  end
  require('rbridge.session').start()
end

--- For a statusline: `gpu1: saved` and the like for the current buffer (or another), empty if it is not ours.
function M.status(buf)
  local documents, folders = package.loaded['rbridge.documents'], package.loaded['rbridge.folders']
  buf = buf or vim.api.nvim_get_current_buf()
  local status = documents and documents.status(buf) or ''
  return status == '' and folders and folders.status(buf) or status
end

return M
