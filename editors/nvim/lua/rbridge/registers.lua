-- Registers go into the shada file when Neovim ends: those that hold remote text are emptied before.
local M = {}
local yanked = {} -- as a set: what was yanked, deleted or recorded in buffers of ours

local function content(name)
  return table.concat(vim.fn.getreg(name, 1, true), '\n')
end

function M.note()
  local event = vim.v.event
  local contents = event.regcontents -- a list of lines; of a recording a string
  yanked[type(contents) == 'table' and table.concat(contents, '\n') or contents] = true
  if event.regname:find('^%a$') then
    yanked[content(event.regname)] = true -- "A appends to "a
  end
end

function M.forget()
  for name in ('0123456789-abcdefghijklmnopqrstuvwxyz'):gmatch('.') do
    if yanked[content(name)] then
      vim.fn.setreg(name, {})
    end
  end
end

return M
