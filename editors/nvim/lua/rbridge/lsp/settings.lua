-- What a language client is started with: ours, and what the user has set for the server with vim.lsp.config().
local M = {}

local TAKEN = {
  'before_init', 'capabilities', 'flags', 'get_language_id', 'handlers', 'offset_encoding', 'on_attach', 'on_error',
  'on_init', 'settings', 'trace',
}

-- Servers that are known to Neovim's users by other names than their programs'.
local ALIASES = {
  ['bash-language-server'] = 'bashls',
  ['cmake-language-server'] = 'cmake',
  ['docker'] = 'dockerls',
  ['haskell'] = 'hls',
  ['julia-lsp'] = 'julials',
  ['lua-language-server'] = 'lua_ls',
  ['neocmakelsp'] = 'neocmake',
  ['nimlangserver'] = 'nim_langserver',
  ['R'] = 'r_language_server',
  ['typescript-language-server'] = 'ts_ls',
  ['vscode-css-language-server'] = 'cssls',
  ['vscode-html-language-server'] = 'html',
  ['vscode-json-language-server'] = 'jsonls',
  ['yaml-language-server'] = 'yamlls',
}

-- The languages whose names in the protocol are not those of Neovim's file types.
local LANGUAGES = {
  bash = 'shellscript',
  bib = 'bibtex',
  cs = 'csharp',
  cuda = 'cuda-cpp',
  objc = 'objective-c',
  objcpp = 'objective-cpp',
  plaintex = 'latex',
  ps1 = 'powershell',
  sh = 'shellscript',
  tex = 'latex',
  zsh = 'shellscript',
}

--- What the protocol calls a file type.
function M.language(filetype)
  local first = filetype:match('^[^.]*')
  return LANGUAGES[first] or first
end

local function configured(name)
  if type(vim.lsp.config) ~= 'table' then
    return nil -- before Neovim 0.11
  end
  local set = (rawget(vim.lsp.config, '_configs') or {})[name]
  if not set and #vim.api.nvim_get_runtime_file(('lsp/%s.lua'):format(name), false) == 0 then
    return nil -- asking for it would write a line into a log file
  end
  return vim.lsp.config[name]
end

--- What the user has set for a server, under its own name or the usual one in Neovim; else what is for all.
local function own(server)
  for _, name in ipairs({ server, ALIASES[server] or server:gsub('%-', '_') }) do
    local found = configured(name)
    if found then
      return found
    end
  end
  return type(vim.lsp.config) == 'table' and vim.lsp.config['*'] or {}
end

-- What the daemon offers in its code actions, as this plug-in does it.
local COMMANDS = {
  ['rbridge.compare'] = function(_, context)
    require('rbridge.conflict').compare(context.bufnr)
  end,
  ['rbridge.overwrite'] = function(_, context)
    require('rbridge.conflict').resolve(context.bufnr, 'mine')
  end,
  ['rbridge.reload'] = function(_, context)
    require('rbridge.conflict').resolve(context.bufnr, 'theirs')
  end,
}

--- For vim.lsp.start(), but for `cmd`. `server` is one of lsp/servers' answer.
function M.client(doc, server, primary)
  local set, config = own(server.name), {}
  for _, key in ipairs(TAKEN) do
    config[key] = vim.deepcopy(set[key])
  end
  local language = M.language
  config.name = ('%s@%s'):format(server.name, doc.host)
  config.root_dir = server.root
  require('rbridge.lsp.uris').root(server.root)
  config.workspace_folders = { { uri = server.root, name = server.root } }
  config.get_language_id = config.get_language_id or function(_, filetype)
    return language(filetype)
  end
  config.commands = vim.tbl_extend('keep', set.commands or {}, COMMANDS)
  -- What a server logs may hold texts, and Neovim would write it into a file.
  config.handlers = vim.tbl_extend('keep', config.handlers or {}, { ['window/logMessage'] = function() end })
  local options = type(set.init_options) == 'table' and vim.deepcopy(set.init_options) or {}
  options.rbridge = { uri = doc.uri, server = server.name, primary = primary }
  config.init_options = options
  return config
end

return M
