-- The keys in the view of a folder, as in netrw where that has them.
local M = {}

local HELP = {
  '<CR>  open a file; show or hide what is in a directory',
  'o     open in a split       v  beside           t  in a tab page',
  '%     new file              d  new folder       R  rename   D  remove',
  'f     find file             s  search in files  -  to the directory above',
  '<C-l> refresh               q  close            g? this help, :help rbridge-folder',
}

--- By key, what is done and how it is described.
function M.of(folder)
  local function changes()
    return require('rbridge.changes')
  end
  local function folders()
    return require('rbridge.folders')
  end
  local function open(how)
    return function()
      local node = require('rbridge.view').current(folder)
      if not node or node.type == 'note' or node.raw == '' then
        folders().refresh()
      elseif node.type == 'directory' then
        folders().toggle(folder, node)
      else
        changes().open(folder, node.raw, how)
      end
    end
  end
  local function up()
    local node = require('rbridge.view').current(folder)
    if node and node.raw ~= '' then
      require('rbridge.view').go(folder, require('rbridge.names').above(node.raw), node.raw)
    end
  end
  return {
    ['<CR>'] = { open(), 'Open, or show what is in the directory' },
    ['<2-LeftMouse>'] = { open(), 'Open, or show what is in the directory' },
    o = { open({ split = 'above' }), 'Open in a split' },
    v = { open({ split = 'right' }), 'Open beside' },
    t = { open({ newWindow = true }), 'Open in a new tab page' },
    ['-'] = { up, 'To the directory' },
    ['%'] = {
      function()
        changes().make('', 'file')
      end,
      'New file',
    },
    d = {
      function()
        changes().make('', 'directory')
      end,
      'New folder',
    },
    R = {
      function()
        changes().rename('')
      end,
      'Rename',
    },
    D = {
      function()
        changes().remove()
      end,
      'Remove',
    },
    f = {
      function()
        require('rbridge.find').open('')
      end,
      'Find file',
    },
    s = {
      function()
        require('rbridge.search').ask()
      end,
      'Search in files',
    },
    ['<C-l>'] = {
      function()
        folders().refresh()
      end,
      'Refresh',
    },
    q = {
      function()
        folders().close(folder)
      end,
      'Close the folder',
    },
    ['g?'] = {
      function()
        vim.api.nvim_echo({ { table.concat(HELP, '\n') } }, false, {})
      end,
      'The keys',
    },
  }
end

return M
