-- What is typed as a command or a search goes into the shada file when Neovim ends: what was typed in our buffers,
-- and may hold a host's text, is taken out before.
local M = {}

local KINDS = { ':', '/', '=', '@' }
local since -- by kind, the number of the newest entry when a buffer of ours was entered; nil in other buffers
local typed = {} -- by kind, what was added in our buffers, as a set

local function note()
  for kind, newest in pairs(since or {}) do
    for number = newest + 1, vim.fn.histnr(kind) do
      local entry = vim.fn.histget(kind, number)
      if entry ~= '' then
        typed[kind] = typed[kind] or {}
        typed[kind][entry] = true
      end
    end
  end
end

--- Another buffer is the current one now.
function M.enter(ours)
  note()
  since = nil
  if ours then
    since = {}
    for _, kind in ipairs(KINDS) do
      since[kind] = vim.fn.histnr(kind)
    end
  end
end

function M.forget()
  note()
  for kind, entries in pairs(typed) do
    for entry in pairs(entries) do
      vim.fn.histdel(kind, '\\C\\V\\^' .. vim.fn.escape(entry, '\\') .. '\\$')
    end
  end
  if next(typed) then -- the last pattern, and what :s put in its place
    vim.cmd('silent! keepjumps substitute/\\%^\\n\\%^//e')
    vim.fn.setreg('/', '')
  end
end

return M
