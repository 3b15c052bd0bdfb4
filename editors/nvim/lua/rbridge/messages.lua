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

--- Not by error(): that would show where in this plug-in it was raised.
function M.error(message)
  vim.v.errmsg = 'rbridge: ' .. message
  echo(message, 'ErrorMsg')
end

return M
