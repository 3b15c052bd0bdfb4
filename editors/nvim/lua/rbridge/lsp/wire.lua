-- What vim.lsp takes for a language server's process: a connection to the daemon, which has the server on the host.
local rpc = require('rbridge.rpc')
local targets = require('rbridge.lsp.targets')
local uris = require('rbridge.lsp.uris')

local M = {}

local LIMIT = 64 * 1024 * 1024 -- bytes of a message, as the daemon has it
local CANCELLED, INTERNAL = -32800, -32603

--- A function for `cmd` of vim.lsp.start(). ended(meant) is called at its end; `meant`: Neovim wanted it to end.
function M.connect(path, ended)
  return function(dispatchers)
    local peer
    local waiting, meant = {}, false

    --- Now, or once there is a connection.
    local function say(work)
      if waiting then
        waiting[#waiting + 1] = work
      else
        work()
      end
    end

    local function answered(method, params, answer, body)
      targets.prepare(method, uris.inward(params, body), function(ready, refusal)
        if refusal then
          return answer(nil, { applied = false, failureReason = refusal })
        end
        local fine, result, err = pcall(dispatchers.server_request, method, ready)
        if not fine then
          result, err = nil, { code = INTERNAL, message = tostring(result) }
        elseif result == nil and err == nil then
          err = { code = INTERNAL, message = 'no answer to ' .. method }
        end
        answer(err, result ~= nil and uris.outward(result) or nil)
      end)
    end

    peer = rpc.connect(path, {
      ready = function()
        for _, work in ipairs(waiting) do
          work()
        end
        waiting = nil
      end,
      closed = function()
        ended(meant)
        dispatchers.on_exit(0, 0)
      end,
      notice = function(method, params, body)
        dispatchers.notification(method, uris.inward(params, body))
      end,
      request = answered,
    }, { limit = LIMIT, luanil = { object = true } })

    local client, last = {}, 0

    function client.request(method, params, callback, replied)
      if peer.over then
        return false
      end
      meant = meant or method == 'shutdown'
      last = last + 1 -- the number that the peer will give it
      local number = last
      local said = uris.outward(params)
      say(function()
        peer:request(method, said, function(err, result, body)
          if err and err.code == rpc.LOST then
            return -- nobody is left to be told
          end
          if replied then
            replied(number)
          end
          if err then
            return err.code ~= CANCELLED
              and callback(setmetatable(err, { __tostring = vim.lsp.rpc.format_rpc_error }))
          end
          targets.prepare(method, uris.inward(result, body), function(ready, refusal)
            callback(refusal and { code = INTERNAL, message = refusal }, ready)
          end)
        end)
      end)
      return true, number
    end

    function client.notify(method, params)
      if peer.over then
        return false
      end
      local said = uris.outward(params)
      say(function()
        peer:notify(method, said)
      end)
      return true
    end

    function client.is_closing()
      return peer.over == true
    end

    function client.terminate()
      meant = true
      peer:close('')
    end

    return client
  end
end

return M
