vim9script
# The connection to the daemon: made again every second when it is not there, for as long as the editor runs.

import autoload './place.vim'
import autoload './messages.vim'
import autoload './rpc.vim'

const VERSION = 1
const [RETRY, OTHER_VERSION] = [1000, 60000] # ms
const PAUSE = 50 # ms until it is looked again whether the user is in the middle of something
const LOOK = 0.1 # s between looks for CTRL-C while much arrives

var ready = false
var refused = false
var saving = false
var handlers: dict<any>
var queue: list<func>
var draining = false

export def Ready(): bool
  return ready
enddef

# Said around a save that the user waits for.
export def Saving(now: bool)
  saving = now
enddef

export def Saves(): bool
  return saving
enddef

# Ask the daemon; Then(error, result) comes later, an empty error being none. Returns what Cancel() wants.
export def Ask(method: string, params: dict<any>, Then: func): number
  if ready || method == 'initialize'
    return rpc.Request(method, params, Then)
  endif
  timer_start(0, (_) => Then({code: rpc.LOST, message: 'rbridge is not running'}, {}))
  return 0
enddef

# Nobody wants the answer any more.
export def Cancel(number: number)
  if ready
    rpc.Cancel(number)
  endif
enddef

export def Notify(method: string, params: dict<any>)
  if ready
    rpc.Notify(method, params)
  endif
enddef

# Wait until Over() is true, ms at the most; returns whether it is. CTRL-C ends it as an exception.
export def Wait(ms: number, Over: func): bool
  var [begin, looked] = [reltime(), 0.0]
  while !Over()
    var now = reltime(begin)->reltimefloat()
    if now * 1000 >= ms
      return false
    endif
    if !rpc.Pump(10) || now - looked > LOOK
      looked = now
      sleep 1m
    endif
  endwhile
  return true
enddef

# What the daemon wants done waits while a save does, and while the user gives a command.
def Busy(): bool
  return saving || mode(1) =~ '^\%([cr]\|no\)' || state('moaxws') != '' || getcmdwintype() != ''
enddef

def Drain(_: number)
  if empty(queue)
    draining = false
  elseif Busy()
    timer_start(PAUSE, Drain)
  else
    timer_start(0, Drain)
    var Work = remove(queue, 0)
    Work()
  endif
enddef

# Do it once the user is not in the middle of something, after what was put off before.
export def Later(Work: func)
  queue->add(Work)
  if !draining
    draining = true
    timer_start(0, Drain)
  endif
enddef

def Begin()
  rpc.Request('initialize', {
    version: VERSION,
    client: {
      name: 'Vim',
      version: $'{v:versionlong / 1000000}.{v:versionlong / 10000 % 100}.{v:versionlong % 10000}',
      plugin: '0.1.0',
      pid: getpid(),
    },
    capabilities: {base64: true, question: true, diff: true, folders: true}
      ->extend(handlers.Languages() ? {lsp: true} : {}),
    buffers: handlers.Buffers(),
    folders: handlers.Folders(),
  }, (error, result) => {
    if empty(error)
      ready = true
      handlers.Begun(result)
    elseif error.code != rpc.LOST
      refused = true
      handlers.Refused(error)
      rpc.Close(error.message)
    endif
  })
enddef

def Closed(_: string)
  var [was, after] = [ready, refused ? OTHER_VERSION : RETRY]
  [ready, refused] = [false, false]
  if was
    handlers.Lost()
  endif
  timer_start(after, (_) => Try(place.Sockets()))
enddef

def Notice(method: string, params: dict<any>)
  if !has_key(handlers.notices, method)
    return
  endif
  var Handler: func = handlers.notices[method]
  if handlers.AtOnce(method, params)
    Handler(params)
  else
    Later(() => {
      Handler(params)
    })
  endif
enddef

def Request(id: any, method: string, params: dict<any>)
  if !has_key(handlers.requests, method)
    rpc.Answer(id, {code: -32601, message: 'no such method: ' .. method}, {})
    return
  endif
  var Handler: func = handlers.requests[method]
  Later(() => {
    try
      Handler(params, (error, result) => rpc.Answer(id, error, result))
    catch
      rpc.Answer(id, {code: -32603, message: 'Vim: ' .. v:exception}, {})
    endtry
  })
enddef

# Connect to the first socket that somebody of ours listens at, else look again in a second.
def Try(sockets: list<string>)
  if empty(sockets)
    timer_start(RETRY, (_) => Try(place.Sockets()))
  elseif rpc.Open(sockets[0], {Closed: Closed, Request: Request, Notice: Notice})
    place.Ours(sockets[0], (ours) => {
      if ours
        Begin()
      else
        rpc.Close('not ours')
      endif
    })
  else
    Try(sockets[1 :])
  endif
enddef

# Begin to look for the daemon. `given` has Languages(), Buffers(), Folders(), Begun(result), Lost(), Refused(error), and the
# dictionaries requests and notices, of functions by method; a request's calls its second argument with error and result.
# A notice of which AtOnce(method, params) is true waits for nothing.
export def Start(given: dict<any>)
  handlers = given
  if &encoding != 'utf-8'
    messages.Warning($"it needs 'encoding' to be utf-8, which is {&encoding} here")
    return
  endif
  place.Know(() => Try(place.Sockets()))
enddef
