vim9script
# The folders that are shown here, each in a buffer of its own.

import autoload './directories.vim'
import autoload './link.vim'
import autoload './listing.vim'
import autoload './messages.vim'
import autoload './spelling.vim'
import autoload './window.vim'

const LEAVE = 1000 # ms to wait for the daemon when Vim ends
const DISCONNECTED = -32015
var folders: dict<dict<any>> # by id
var recent = '' # the id of the one that was shown last

export def All(): list<dict<any>>
  return values(folders)
enddef

# The folder in a buffer, {} where there is none.
export def Of(buf: number): dict<any>
  for folder in values(folders)
    if folder.buf == buf
      return folder
    endif
  endfor
  return {}
enddef

# The innermost folder that the file of a buffer's name lies in, and the file's path in it; else {} and ''.
export def Around(name: string): list<any>
  var found: dict<any> = {top: ''}
  for folder in values(folders)
    if stridx(name, folder.top) == 0 && name !=# folder.top && strlen(folder.top) > strlen(found.top)
      found = folder
    endif
  endfor
  return found.top == '' ? [{}, ''] : [found, strpart(name, strlen(found.top))]
enddef

# The folder that a command means, which is given here; {}, and said, where there is none.
export def Current(): dict<any>
  var here = Of(bufnr())
  if empty(here)
    here = Around(bufname())[0]
  endif
  if empty(here)
    here = get(folders, recent, get(values(folders), 0, {}))
  endif
  if empty(here)
    messages.Error('no folder of a host is shown here: run rbridge open DIRECTORY on it')
  endif
  return here
enddef

# Why it cannot be asked now; empty where all is well.
export def Trouble(folder: dict<any>): string
  return !link.Ready() ? 'no rbridge' : folder.lost || !folder.connected ? 'not connected' : ''
enddef

# The user looks at this buffer now.
export def Entered(buf: number)
  recent = get(Of(buf), 'id', recent)
enddef

export def Status(buf: number): string
  var folder = Of(buf)
  return empty(folder) ? '' : $'{folder.host}: {Trouble(folder) ?? "folder"}'
enddef

# Ask about a folder, as link.Ask() does.
export def Ask(folder: dict<any>, method: string, params: dict<any>, Then: func): number
  if folder.lost && link.Ready()
    timer_start(0, (_) => Then({code: DISCONNECTED, message: $'{folder.host} is not connected'}, {}))
    return 0
  endif
  return link.Ask(method, params->extend({folder: folder.id}), Then)
enddef

# What the daemon says

def Name(host: string, path: string): string
  var number = 1
  while true
    var name = 'rbridge://' .. host .. (number > 1 ? $'~{number}' : '') .. path .. (path =~ '/$' ? '' : '/')
    if values(folders)->filter((_, one) => one.top ==# name)->empty()
      return name
    endif
    number += 1
  endwhile
  return ''
enddef

# What fs/open says of a file: the daemon has cleaned a name that is no text, here it stays what it is.
export def Named(folder: dict<any>, path: string, params: dict<any>): dict<any>
  return spelling.Odd(path) ? params->extend({path: folder.path->substitute('/*$', '/', '') .. path}) : params
enddef

def New(params: dict<any>): dict<any>
  var top = Name(params.host, params.path)
  var made = {
    id: params.id,
    host: params.host,
    path: params.path,
    top: top, # what the names of its buffers begin with; that of its own buffer
    readonly: get(params, 'readOnly', false),
    wait: get(params, 'wait', false),
    connected: true,
    lost: false, # not known to the daemon, which was started anew: it comes back by folder/open
    directories: {'': directories.New('')}, # those that are shown, by path
    nodes: [], # what stands on the lines below the first
    goal: {path: '', line: 0}, # the path that the cursor is to go to, from that line
    due: false, # whether it is to be painted anew
    begun: false, # whether it has been shown
    buf: 0,
  }
  for old in getbufinfo()->filter((_, one) => one.name ==# top)
    window.Remove(old.bufnr) # of an earlier life: a session
  endfor
  return made->extend({buf: bufadd(top)})
enddef

export def Open(params: dict<any>, Then: func)
  recent = params.id
  var folder = get(folders, params.id, {})
  var left = values(folders)->filter((_, one) => {
    return one.lost && one.host ==# params.host && one.path ==# params.path
  })
  if empty(folder) && !empty(left) # from before the daemon was started anew
    folder = remove(folders, left[0].id)
    folders[params.id] = folder->extend({id: params.id, connected: true, lost: false})
    directories.Refresh(folder)
    Then({}, {})
    return
  endif
  if empty(folder)
    folder = New(params)
    folders[params.id] = folder
    directories.Refresh(folder)
  endif
  try
    window.Show(folder.buf, params)
    Then({}, {})
  catch
    if !bufloaded(folder.buf)
      remove(folders, folder.id)
    endif
    Then({code: -32603, message: 'Vim: ' .. v:exception}, {})
  endtry
enddef

# The user at the host opened it again.
export def Focus(params: dict<any>)
  if has_key(folders, params.id)
    recent = params.id
    window.Show(folders[params.id].buf, {})
  endif
enddef

export def State(params: dict<any>)
  var folder = get(folders, params.id, {})
  if !empty(folder)
    var back = params.connected && !folder.connected
    folder.connected = params.connected
    if back
      directories.Refresh(folder)
    endif
    listing.Paint(folder)
  endif
enddef

export def Changed(params: dict<any>)
  var folder = get(folders, params.folder, {})
  if !empty(folder)
    for path in spelling.All(params)
      directories.List(folder, path)
    endfor
  endif
enddef

export def Closed(params: dict<any>)
  if has_key(folders, params.id)
    var folder = remove(folders, params.id)
    window.Remove(folder.buf)
    var why = get(params, 'message', '') == '' ? '' : ': ' .. params.message
    messages.Info($'{folder.host}:{folder.path} was closed{why}')
  endif
enddef

# The connection to the daemon

export def Shown(): list<dict<any>>
  return values(folders)->mapnew((_, one) => ({id: one.id, host: one.host, path: one.path}))
enddef

# Connected, for the first time or again; `known` are those that go on.
export def Begun(known: list<dict<any>>)
  for folder in values(folders)
    var found = known->copy()->filter((_, one) => one.id == folder.id)
    folder->extend({lost: empty(found), connected: !empty(found) && get(found[0], 'connected', true)})
    directories.Refresh(folder)
  endfor
enddef

export def Lost()
  for folder in values(folders)
    listing.Paint(folder)
  endfor
enddef

# The end

# The user closes it. Its texts stay.
export def Close(folder: dict<any>)
  if has_key(folders, folder.id)
    remove(folders, folder.id)
    if !folder.lost
      link.Ask('folder/close', {id: folder.id}, (_, _) => 0)
    endif
    window.Remove(folder.buf)
  endif
enddef

# :bdelete and the like; :edit unloads too, and loads again at once.
export def Unloaded(buf: number)
  var folder = Of(buf)
  if !empty(folder)
    timer_start(0, (_) => {
      if !bufloaded(buf)
        Close(folder)
      endif
    })
  endif
enddef

# One that somebody waits for is closed with its last window.
export def WindowClosed(buf: number)
  var folder = Of(buf)
  if !empty(folder) && folder.wait
    timer_start(0, (_) => {
      if empty(win_findbuf(buf))
        Close(folder)
      endif
    })
  endif
enddef

export def Leave()
  var open = link.Ready() ? len(folders) : 0
  if open > 0
    for folder in values(folders)
      link.Ask('folder/close', {id: folder.id}, (_, _) => {
        open -= 1
      })
    endfor
    link.Wait(LEAVE, () => open == 0)
  endif
enddef
