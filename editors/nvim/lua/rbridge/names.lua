-- Names in a folder: bytes in here; in messages as docs/attach.md has them; one harmless line for the user.
local text = require('rbridge.text')

local M = {}

local UNFIT = '[%z\1-\31\127]' -- control characters
local QUOTED = '[%z\1-\31\127-\255%%]'

--- Whether messages have a path as it is.
function M.plain(path)
  return not path:find(UNFIT) and text.is_utf8(path)
end

local function quoted(path)
  return (path:gsub(QUOTED, function(byte)
    return ('%%%02X'):format(byte:byte())
  end))
end

--- The bytes that a message means.
function M.raw(said, encoded)
  if not encoded then
    return said
  end
  return (said:gsub('%%(%x%x)', function(digits)
    return string.char(tonumber(digits, 16))
  end))
end

--- The parameters of a request, with `paths` (a table of path, to, after) added to it.
function M.say(params, paths)
  for _, path in pairs(paths) do
    params.encoded = params.encoded or not M.plain(path) or nil
  end
  for key, path in pairs(paths) do
    params[key] = params.encoded and quoted(path) or path
  end
  return params
end

--- The same with a list of paths.
function M.say_all(params, paths)
  params.paths = {}
  for _, path in ipairs(paths) do
    local key = M.plain(path) and 'paths' or 'encoded'
    params[key] = params[key] or {}
    table.insert(params[key], key == 'paths' and path or quoted(path))
  end
  return params
end

--- The paths of an answer that has several.
function M.hear_all(said)
  local paths = {}
  vim.list_extend(paths, said.paths or {})
  for _, path in ipairs(said.encoded or {}) do
    paths[#paths + 1] = M.raw(path, true)
  end
  return paths
end

--- A path as the user reads it: control characters and what is no UTF-8 as \xHH, a line end as \n.
function M.show(path)
  if M.plain(path) and not path:find('\194[\128-\159]') then
    return path
  end
  local parts, at = {}, 1
  while at <= #path do
    local stop = text.character(path, at)
    local one = path:sub(at, stop or at)
    if one == '\n' then
      one = '\\n'
    elseif not stop or one:find('^' .. UNFIT) or one:find('^\194[\128-\159]') then
      one = one:gsub('.', function(byte)
        return ('\\x%02x'):format(byte:byte())
      end)
    end
    parts[#parts + 1] = one
    at = (stop or at) + 1
  end
  return table.concat(parts)
end

--- The directory of a path, empty for the folder itself.
function M.above(path)
  return path:match('^(.*)/') or ''
end

function M.join(above, name)
  return above == '' and name or above .. '/' .. name
end

return M
