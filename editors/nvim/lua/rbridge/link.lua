-- The connection to the daemon: made again every second when it is not there, for as long as the editor runs.
local place = require('rbridge.place')
local rpc = require('rbridge.rpc')

local M = { VERSION = 1, ready = false }

local RETRY, OTHER_VERSION = 1000, 60000 -- ms
local PAUSE = 50 -- ms until it is looked again whether the user is in the middle of something
local peer, timer, handlers
local queue, draining = {}, false

local failures = setmetatable({}, { __mode = 'k' })

local function step(thread, ...)
  local fine, fault = coroutine.resume(thread, ...)
  if not fine then
    (failures[thread] or error)(debug.traceback(thread, tostring(fault)), 0)
  end
end

--- Run a function that may wait for answers (M.call): until the first one it runs at once. failed(message) is
--- called when it raises.
function M.go(work, failed)
  local thread = coroutine.create(work)
  failures[thread] = failed
  step(thread)
end

--- Wait, inside M.go, until what starts(resume) starts calls resume; not before starts has returned.
function M.pause(starts)
  local thread = coroutine.running()
  starts(function(...)
    step(thread, ...)
  end)
  return coroutine.yield()
end

--- Ask the daemon, inside M.go: its result, or nil and the error {code, message, data}.
function M.call(method, params)
  local err, result = M.pause(function(resume)
    M.ask(method, params, resume)
  end)
  return not err and result or nil, err
end

--- callback(error, result) comes exactly once. Returns what M.cancel takes.
function M.ask(method, params, callback)
  if not peer or not (M.ready or method == 'initialize') then
    return vim.schedule(function()
      callback({ code = rpc.LOST, message = 'rbridge is not running' })
    end)
  end
  return peer:request(method, params, callback)
end

--- What was asked is not wanted any more: it is answered by an error, or as it would have been.
function M.cancel(asked)
  if asked then
    M.notify('$/cancelRequest', { id = asked })
  end
end

function M.notify(method, params)
  if M.ready then
    peer:notify(method, params)
  end
end

--- What the daemon wants done waits while a save does, and while the user gives a command.
local function busy()
  local mode = vim.api.nvim_get_mode()
  return M.saving or mode.blocking or mode.mode:find('^[cr]') or vim.fn.getcmdwintype() ~= ''
end

local function drain()
  if #queue == 0 then
    draining = false
  elseif busy() then
    vim.defer_fn(drain, PAUSE)
  else
    vim.schedule(drain)
    table.remove(queue, 1)()
  end
end

local function later(work)
  queue[#queue + 1] = work
  if not draining then
    draining = true
    drain()
  end
end

local function retry(after)
  timer:start(after, 0, vim.schedule_wrap(M.connect))
end

local function begin()
  local version = vim.version()
  M.go(function()
    local result, err = M.call('initialize', {
      version = M.VERSION,
      client = {
        name = 'Neovim',
        version = ('%d.%d.%d'):format(version.major, version.minor, version.patch),
        plugin = '0.1.0',
        pid = vim.uv.os_getpid(),
      },
      capabilities = {
        base64 = true,
        question = true,
        diff = true,
        folders = true,
        viewer = false,
        lsp = handlers.lsp() or nil,
      },
      buffers = handlers.buffers(),
      folders = handlers.folders(),
    })
    if result then
      M.ready, M.since = true, vim.uv.now()
      handlers.begun(result)
    elseif err.code ~= rpc.LOST then
      M.refused = err.message
      handlers.refused(err)
      peer:close(err.message)
    end
  end)
end

function M.connect()
  local path = not peer and place.socket()
  if not path then
    return peer == nil and retry(RETRY)
  end
  peer = rpc.connect(path, {
    ready = begin,
    closed = function()
      local was, refused = M.ready, M.refused
      peer, M.ready, M.refused = nil, false, nil
      if was then
        handlers.lost()
      end
      retry(refused and OTHER_VERSION or RETRY)
    end,
    notice = function(method, params)
      local handler = handlers.notices[method]
      if handler and handlers.at_once(method, params) then
        handler(params)
      elseif handler then
        later(function()
          handler(params)
        end)
      end
    end,
    request = function(method, params, answer)
      local handler = handlers.requests[method]
      if not handler then
        return answer({ code = -32601, message = 'no such method: ' .. method })
      end
      later(function()
        M.go(function()
          local result, err = handler(params)
          answer(err, result)
        end, function(fault)
          answer({ code = -32603, message = 'Neovim: ' .. fault:match('[^\n]*') })
        end)
      end)
    end,
  })
end

--- Begin to look for the daemon. `given` has buffers(), folders(), lsp(), begun(result), lost(), refused(error), and the tables
--- requests and notices, of functions by method; a request's runs inside M.go and returns result, error. A
--- notice of which at_once(method, params) is true waits for nothing.
function M.start(given)
  if not timer then
    handlers, timer = given, vim.uv.new_timer()
    M.connect()
  end
end

return M
