-- Where the daemon's socket lies. The same search as the daemon's own, and the same checks: a directory that
-- is ours alone, a socket that is ours alone. Nothing is created.
local M = {}
local uv, band = vim.uv, require('bit').band

local OTHERS, ALL_WRITE, STICKY = 0x3f, 0x02, 0x200 -- 077, 002, 01000

local function alone(found, kind)
  return found ~= nil and found.type == kind and found.uid == uv.getuid() and band(found.mode, OTHERS) == 0
end

local function safe(dir)
  local above = uv.fs_stat(vim.fs.dirname(dir))
  return alone(uv.fs_lstat(dir), 'directory')
    and above ~= nil
    and (band(above.mode, ALL_WRITE) == 0 or band(above.mode, STICKY) ~= 0)
end

function M.candidates()
  local env = uv.os_environ()
  if (env.RBRIDGE_RUNTIME_DIR or '') ~= '' then
    return { (vim.fn.fnamemodify(env.RBRIDGE_RUNTIME_DIR, ':p'):gsub('(.)/+$', '%1')) }
  end
  local own, places = 'rbridge-' .. uv.getuid(), {}
  local xdg = env.XDG_RUNTIME_DIR or ''
  local owner = xdg:sub(1, 1) == '/' and uv.fs_stat(xdg)
  if owner and owner.uid == uv.getuid() then
    table.insert(places, (xdg:gsub('/+$', '')) .. '/rbridge')
  end
  table.insert(places, '/dev/shm/' .. own)
  local temporary = env.TMPDIR or ''
  table.insert(places, (temporary:sub(1, 1) == '/' and temporary:gsub('/+$', '') or '/tmp') .. '/' .. own)
  table.insert(places, uv.os_homedir() .. '/.rbridge/' .. uv.os_gethostname():gsub('/', '_') .. '/run')
  return places
end

--- The socket of a daemon of ours, nil where there is none.
function M.socket()
  for _, dir in ipairs(M.candidates()) do
    if safe(dir) then
      local path = dir .. '/editor.sock'
      return alone(uv.fs_lstat(path), 'socket') and path or nil
    end
  end
end

return M
