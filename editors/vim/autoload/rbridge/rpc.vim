vim9script
# JSON-RPC 2.0 with Content-Length framing over a Unix socket; one connection at a time.
#
# Vim's channels have a mode for it, "lsp", but that drops a message that has not come whole after 100 ms, and
# json_decode() loses NUL. In the texts that go in and out here a NUL is NUL.

const LIMIT = 16 * 1024 * 1024 # bytes of a message
const HEADERS = 4096
const NUL_ESCAPED = '\u0000'
const NUL_AS_READ = '\ud800' # json_decode() makes NUL of it
export const NUL = "\xed\xa0\x80" # half a surrogate pair: no text has it
export const LOST = -32000 # our own code: the connection ended before the answer

var channel: channel
var on: dict<func>
var open = false
var pending: dict<func>
var last = 0
var parts: list<string>
var held = 0 # bytes in parts
var needed = 1 # bytes until it is looked at them again

# Connect to a socket; false where nobody listens. `given` has Closed(reason), Request(id, method, params) and
# Notice(method, params), which are called in the order of what came.
export def Open(path: string, given: dict<func>): bool
  try
    channel = ch_open('unix:' .. path, {mode: 'raw', drop: 'never', callback: Came, close_cb: Gone})
  catch
    return false
  endtry
  if ch_status(channel) != 'open'
    return false
  endif
  [on, open, pending, parts, held, needed] = [given, true, {}, [], 0, 1]
  return true
enddef

def Came(from: channel, data: string)
  if open && from == channel
    Feed(data)
  endif
enddef

def Gone(from: channel)
  if from == channel
    Close('rbridge went away')
  endif
enddef

# Wait up to that many ms for what comes, and take it in. Returns whether there was something.
export def Pump(ms: number): bool
  var data = open ? ch_readraw(channel, {timeout: ms}) : ''
  if data != ''
    Feed(data)
    return true
  elseif open && ch_status(channel) != 'open'
    Close('rbridge went away')
    return true
  endif
  return false
enddef

# Take in bytes; they are looked at once there may be a whole message.
def Feed(data: string)
  parts->add(data)
  held += strlen(data)
  while open && held >= needed
    var all = parts->join('')
    parts = [all]
    needed = held + 1
    var head = stridx(all, "\r\n\r\n")
    if head < 0
      if held > HEADERS
        Close('malformed message')
      endif
      return
    endif
    var digits = strpart(all, 0, head + 1)->matchstr('\c\%(^\|\n\)content-length: *\zs\d\{1,9}\ze\r')
    if digits == '' || str2nr(digits) > LIMIT
      Close('malformed message')
      return
    endif
    var [start, length] = [head + 4, str2nr(digits)]
    if held < start + length
      needed = start + length
      return
    endif
    var rest = strpart(all, start + length)
    [parts, held, needed] = [[rest], strlen(rest), 1]
    Take(strpart(all, start, length))
  endwhile
enddef

def Take(body: string)
  var message: any
  try
    message = stridx(body, NUL_ESCAPED) < 0 ? json_decode(body) : body->substitute('\\\%(\\\|u0000\)', (pair) => {
      return pair[0] == NUL_ESCAPED ? NUL_AS_READ : pair[0]
    }, 'g')->json_decode()
  catch
    message = v:null
  endtry
  if type(message) != v:t_dict
    Close('malformed message')
    return
  endif
  var id = get(message, 'id', v:null)
  if has_key(message, 'method')
    var params = get(message, 'params', {})
    if has_key(message, 'id')
      on.Request(id, message.method, params)
    else
      on.Notice(message.method, params)
    endif
  elseif has_key(pending, string(id))
    var Then = remove(pending, string(id))
    Then(get(message, 'error', {}) ?? {}, get(message, 'result', {}) ?? {})
  endif
enddef

def Send(message: dict<any>)
  var body = json_encode(message->extend({jsonrpc: '2.0'}))
  if stridx(body, NUL) >= 0
    body = body->split(NUL, true)->join(NUL_ESCAPED)
  endif
  try
    ch_sendraw(channel, $"Content-Length: {strlen(body)}\r\n\r\n" .. body)
  catch
    Close('rbridge went away')
  endtry
enddef

# Ask; Then(error, result) comes exactly once, an empty error being none. Returns what Cancel() wants.
export def Request(method: string, params: dict<any>, Then: func): number
  if !open
    timer_start(0, (_) => Then({code: LOST, message: 'rbridge is not running'}, {}))
    return 0
  endif
  last += 1
  pending[last] = Then
  Send({id: last, method: method, params: params})
  return last
enddef

# Give up what was asked: it is answered by an error, unless the answer was on its way.
export def Cancel(number: number)
  if has_key(pending, number)
    Notify('$/cancelRequest', {id: number})
  endif
enddef

export def Notify(method: string, params: dict<any>)
  if open
    Send({method: method, params: params})
  endif
enddef

# Answer a request.
export def Answer(id: any, error: dict<any>, result: dict<any>)
  if open
    Send({id: id}->extend(empty(error) ? {result: result} : {error: error}))
  endif
enddef

# End the connection; what was asked and not answered gets an error.
export def Close(reason: string)
  if !open
    return
  endif
  open = false
  if ch_status(channel) != 'closed'
    ch_close(channel)
  endif
  var asked = pending
  pending = {}
  var Closed = on.Closed
  timer_start(0, (_) => {
    for Then in values(asked)
      Then({code: LOST, message: 'the connection to rbridge was lost'}, {})
    endfor
    Closed(reason)
  })
enddef
