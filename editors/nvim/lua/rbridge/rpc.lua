-- JSON-RPC 2.0 with Content-Length framing over a Unix socket.
--
-- vim.lsp.rpc speaks it too, but it writes whole messages into a log file at debug level, and texts of a host
-- do not belong on this disk; it answers a request only with what its handler returns at once; and a connection
-- that is reset leaves its client behind.
local M = {}
local Peer = {}
Peer.__index = Peer

local LIMIT = 16 * 1024 * 1024 -- bytes of a message
local HEADERS = 4096
M.LOST = -32000 -- our own code: the connection ended before the answer

--- Connect to a socket. `on` has ready(), closed(reason), request(method, params, answer, body) and
--- notice(method, params, body); all are called in the main loop, in the order of what came; `body` is the message as
--- it came. `how` may have `limit`, the bytes of the largest message, and `luanil`, see vim.json.decode().
function M.connect(path, on, how)
  local self = setmetatable({ pipe = vim.uv.new_pipe(false), on = on, last = 0 }, Peer)
  self.limit = how and how.limit or LIMIT
  self.luanil = how and how.luanil or { object = true, array = true }
  self.pending, self.parts, self.held, self.needed = {}, {}, 0, 1
  self.pipe:connect(path, function(fault)
    if fault then
      return self:close(fault)
    end
    self.pipe:read_start(function(err, data)
      if err or not data then
        return self:close(err or 'rbridge went away')
      end
      self:feed(data)
    end)
    vim.schedule(on.ready)
  end)
  return self
end

--- Take in bytes; they are looked at once there may be a whole message.
function Peer:feed(data)
  self.parts[#self.parts + 1] = data
  self.held = self.held + #data
  while self.held >= self.needed and not self.over do
    local all = table.concat(self.parts)
    local head, stop = all:find('\r\n\r\n', 1, true)
    self.parts, self.needed = { all }, #all + 1
    if not head then
      return #all > HEADERS and self:close('malformed message') or nil
    end
    local length = tonumber(all:sub(1, head + 1):lower():match('content%-length: *(%d+)\r\n'))
    if not length or length > self.limit then
      return self:close('malformed message')
    end
    if #all < stop + length then
      self.needed = stop + length
      return
    end
    local rest = all:sub(stop + length + 1)
    self.parts, self.held, self.needed = { rest }, #rest, 1
    self:take(all:sub(stop + 1, stop + length))
  end
end

function Peer:take(body)
  local fine, message = pcall(vim.json.decode, body, { luanil = self.luanil })
  if not fine or type(message) ~= 'table' then
    return self:close('malformed message')
  end
  vim.schedule(function()
    local id, params = message.id, message.params or {}
    if not message.method then
      local callback = self.pending[id]
      if callback then
        self.pending[id] = nil
        callback(message.error, message.result, body)
      end
    elseif id == nil then
      self.on.notice(message.method, params, body)
    else
      self.on.request(message.method, params, function(err, result)
        self:send({ id = id, error = err, result = not err and (result or vim.empty_dict()) or nil })
      end, body)
    end
  end)
end

function Peer:send(message)
  if self.over then
    return
  end
  message.jsonrpc = '2.0'
  local body = vim.json.encode(message)
  self.pipe:write({ 'Content-Length: ', tostring(#body), '\r\n\r\n', body }, function(fault)
    if fault then
      self:close(fault)
    end
  end)
end

--- Ask; callback(error, result, body) comes exactly once, in the main loop. Returns the number of the request.
function Peer:request(method, params, callback)
  if self.over then
    return vim.schedule(function()
      callback({ code = M.LOST, message = 'rbridge is not running' })
    end)
  end
  self.last = self.last + 1
  self.pending[self.last] = callback
  local id = self.last
  self:send({ id = id, method = method, params = params })
  return id
end

function Peer:notify(method, params)
  self:send({ method = method, params = params })
end

--- End the connection; what was asked and not answered gets an error.
function Peer:close(reason)
  if self.over then
    return
  end
  self.over = true
  self.pipe:close()
  vim.schedule(function()
    for id, callback in pairs(self.pending) do
      self.pending[id] = nil
      callback({ code = M.LOST, message = 'the connection to rbridge was lost' })
    end
    self.on.closed(reason)
  end)
end

return M
