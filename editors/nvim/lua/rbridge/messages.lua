-- One line for the user.
local M = {}

--- One that is no error is cut where the line ends: it must not ask for a key while the user types.
local function echo(message, highlight)
  message = 'rbridge: ' .. message
  if highlight ~= 'ErrorMsg' and vim.fn.strdisplaywidth(message) > vim.v.echospace then
    message = vim.fn.strcharpart(message, 0, vim.v.echospace - 1) .. '…'
  end
  vim.cmd.redraw() -- one that is due would clear the line again
  vim.api.nvim_echo({ { message, highlight } }, true, {})
end

function M.info(message)
  echo(message)
end

function M.warning(message)
  echo(message, 'WarningMsg')
end

--- One whose whole text counts: it is in |:messages|, and on the screen its middle is left out where it is too long. Who
--- has a vim.notify of their own gets it there.
function M.notice(message)
  message = 'rbridge: ' .. message
  if debug.getinfo(vim.notify, 'S').source:find('^@vim/') then
    vim.cmd.redraw()
    vim.cmd.echomsg(vim.fn.string(message))
  else
    vim.notify(message, vim.log.levels.INFO)
  end
end

--- Not by error(): that would show where in this plug-in it was raised.
function M.error(message)
  vim.v.errmsg = 'rbridge: ' .. message
  echo(message, 'ErrorMsg')
end

return M
