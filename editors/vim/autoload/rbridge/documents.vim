vim9script
# The documents that are open here, each in a buffer of its own.

import autoload './folders.vim'
import autoload './languages.vim'
import autoload './link.vim'
import autoload './listing.vim'
import autoload './messages.vim'
import autoload './saving.vim'
import autoload './spelling.vim'
import autoload './text.vim'
import autoload './window.vim'

const [READ, LEAVE] = [10000, 2000] # ms to wait for the daemon: when a text is read again, when Vim ends
const [STALE, NO_CONFLICT] = [-32011, -32013]
var docs: dict<dict<any>> # by id
var by_buf: dict<dict<any>> # by buffer, those included that the daemon does not know any more

export def All(): dict<dict<any>>
  return docs
enddef

# The document in a buffer, {} where there is none, or none that the daemon knows.
export def Of(buf: number): dict<any>
  var doc = get(by_buf, buf, {})
  return get(doc, 'lost', false) ? {} : doc
enddef

export def Modified(doc: dict<any>): bool
  return bufloaded(doc.buf) && getbufvar(doc.buf, '&modified')
enddef

export def Status(buf: number): string
  var doc = get(by_buf, buf, {})
  if empty(doc)
    return folders.Status(buf)
  endif
  var state = doc.lost ? 'closed'
    : !link.Ready() ? 'no rbridge'
    : doc.state == 'conflict' ? 'conflict'
    : doc.saving ? 'saving'
    : doc.sent != '' ? 'waiting'
    : !doc.connected ? 'not connected'
    : Modified(doc) ? 'modified' : 'saved'
  return $'{doc.host}: {state}'
enddef

export def New(params: dict<any>): dict<any>
  return {
    id: params.id,
    uri: get(params, 'uri', ''),
    host: params.host,
    path: params.path,
    name: params.path != '' ? fnamemodify(params.path, ':t') : params.name,
    language: get(params, 'language', ''),
    readonly: get(params, 'readOnly', false),
    wait: get(params, 'wait', false),
    state: 'clean',
    message: '',
    connected: true,
    saving: false,
    sent: '', # what was written and may not be on the host: see saving.Mark()
    tick: 0, # b:changedtick then
    lost: false,
    arrived: false, # while Vim is told that it is saved: see saving.Arrived()
    unread: false,
    fresh: {}, # a content that has not been shown yet
    waiters: [], # what goes on when the save that runs is over
  }
enddef

export def Refresh(doc: dict<any>)
  if get(by_buf, doc.buf, {}) is doc && bufexists(doc.buf)
    setbufvar(doc.buf, 'rbridge', {
      id: doc.id, host: doc.host, path: doc.path, state: doc.state, message: doc.message,
      connected: doc.connected && link.Ready() && !doc.lost,
    })
    redrawstatus!
  endif
enddef

export def Set(doc: dict<any>, values: dict<any>)
  doc->extend(values)
  Refresh(doc)
enddef

# The daemon does not know it any more. Its buffer stays.
export def Lose(doc: dict<any>)
  remove(docs, doc.id)
  Set(doc, {lost: true})
enddef

# It has a buffer from now on.
export def Show(doc: dict<any>, content: dict<any>, base: string)
  doc->extend({fresh: content, base: base, buf: bufadd(Name(doc))})
  docs[doc.id] = doc
  by_buf[doc.buf] = doc
enddef

export def Drop(doc: dict<any>)
  languages.Forget(doc)
  silent! remove(docs, doc.id)
  silent! remove(by_buf, doc.buf)
enddef

def Forget(doc: dict<any>)
  Drop(doc)
  if !doc.lost
    link.Ask('buffer/close', {id: doc.id}, (_, _) => 0)
  endif
enddef

# Get a document's text: Then(error, content, base), an empty error being none.
export def Fetch(doc: dict<any>, method: string, Then: func)
  link.Ask(method, {id: doc.id}, (error, all) => {
    if !empty(error)
      Then(error, {}, '')
    elseif has_key(all, 'chunks')
      Chunk(doc, method, all, [], Then)
    else
      Then({}, text.Unpack(all), all.base)
    endif
  })
enddef

def Chunk(doc: dict<any>, method: string, all: dict<any>, parts: list<dict<any>>,
    Then: func)
  if len(parts) == all.chunks
    Then({}, text.Join(parts), all.base)
    return
  endif
  link.Ask(method, {id: doc.id, base: all.base, chunk: len(parts)}, (error, part) => {
    if empty(error)
      Chunk(doc, method, all, parts->add(text.Unpack(part)), Then)
    elseif error.code == STALE
      Fetch(doc, method, Then)
    else
      Then(error, {}, '')
    endif
  })
enddef

# Take over the host's text, then Then(whether it was); not over changes made here, unless `over`.
export def Reload(doc: dict<any>, over: bool, Then: func)
  Fetch(doc, 'buffer/read', (error, content, base) => {
    var ok = empty(error) && bufloaded(doc.buf) && (over || !Modified(doc) && !doc.saving)
    if ok
      text.Fill(doc.buf, content, false)
      Set(doc, {base: base, sent: '', state: 'clean', unread: false})
    endif
    Then(ok)
  })
enddef

export def Conflict(doc: dict<any>)
  var is_new = doc.state != 'conflict' && !doc.saving # a save says it by itself
  Set(doc, {state: 'conflict'})
  if is_new
    messages.Warning($'{doc.name} changed on {doc.host} and here: :RbridgeDiff')
  endif
enddef

# Give up what was written here for what the host has: that comes by buffer/changed.
export def Theirs(doc: dict<any>)
  link.Ask('buffer/resolve', {id: doc.id, choose: 'theirs'}, (error, _) => {
    if empty(error)
      return
    endif
    var Failed = (ok: bool) => {
      if !ok
        messages.Error($'cannot read {doc.name} again: {error.message}')
      endif
    }
    if error.code == NO_CONFLICT
      Reload(doc, true, Failed)
    else
      Failed(false)
    endif
  })
enddef

# Buffers

# A name that no other buffer has: rbridge://HOST/PATH, or rbridge://HOST~2/PATH where that is another document's.
# That of a buffer which only a quickfix list knows is used, and that buffer goes for a name to be given (`over`).
def Name(doc: dict<any>, over: bool = false): string
  var path = doc.path != '' ? doc.path : doc.name
  path = path =~ '^/' ? path : '/' .. path
  var number = 1
  while true
    var name = 'rbridge://' .. doc.host .. (number > 1 ? $'~{number}' : '') .. path
    var found = getbufinfo()->filter((_, buf) => buf.name ==# name)
    if !empty(found) && !has_key(by_buf, found[0].bufnr) && !found[0].changed
      if over || found[0].loaded
        window.Remove(found[0].bufnr) # of an earlier life: a session, a file name on the command line
      endif
      found = []
    endif
    if empty(found)
      return name
    endif
    number += 1
  endwhile
  return ''
enddef

# What was `from` in a folder is `to` now: so are the buffers of it.
export def Moved(folder: dict<any>, from: string, to: string)
  var top = folder.path->substitute('/*$', '/', '')
  for doc in values(docs)
    var rest = strpart(doc.path, strlen(top .. from))
    if doc.host ==# folder.host && stridx(doc.path, top .. from) == 0 && rest =~ '^\%(/\|$\)'
      doc.path = top .. to .. rest
      doc.name = fnamemodify(doc.path, ':t')
      window.Rename(doc.buf, Name(doc, true))
      Refresh(doc)
    endif
  endfor
enddef

# The document of a buffer that has only the name of a file in a folder that is shown; {} where there is none.
def Fetched(buf: number): dict<any>
  var [folder, path] = folders.Around(bufname(buf))
  var [error: dict<any>, params: dict<any>, over] = [{message: 'no answer'}, {}, false]
  var Over = (fault: dict<any>, result: dict<any>) => {
    [error, params, over] = [fault, result, true]
  }
  if !empty(folder)
    folders.Ask(folder, 'fs/open', spelling.Said({path: path})->extend({create: true}), Over)
  elseif languages.Possible() && link.Ready() && bufname(buf) =~ '^rbridge://[^/]\+/.'
    path = bufname(buf)->matchstr('//[^/]*\zs.*') # a language server has named it
    link.Ask('lsp/open', {uri: languages.Uri(bufname(buf))}, Over)
  else
    return {}
  endif
  try
    link.Wait(READ, () => over)
  catch /^Vim:Interrupt$/
  endtry
  if !empty(error)
    messages.Error($'{spelling.Shown(path)} is not opened: {error.message}')
  elseif has_key(params, 'viewer')
    messages.Info($'{spelling.Shown(path)} is shown by {params.viewer}')
    timer_start(0, (_) => window.Hide(buf))
  elseif has_key(docs, params.id) # under another name, as that of a link
    timer_start(0, (_) => window.Replace(buf, docs[params.id].buf))
  else
    var doc = New(empty(folder) ? params : folders.Named(folder, path, params))
      ->extend({base: get(params, 'base', ''), buf: buf})
    docs[doc.id] = doc
    by_buf[buf] = doc
    return doc
  endif
  return {asked: true}
enddef

# BufReadCmd: the text into its buffer, the current one, for the first time or for :edit!.
export def Read(buf: number)
  if !empty(folders.Of(buf))
    listing.Begin(buf)
    return
  endif
  setlocal buftype=acwrite bufhidden=hide noswapfile noundofile nomodeline nofixendofline buflisted
  var doc = get(by_buf, buf, {lost: true})
  if doc.lost
    doc = Fetched(buf)
  endif
  if !has_key(doc, 'id')
    setlocal nomodifiable
    if empty(doc)
      messages.Warning('not open: run rbridge open PATH on its host')
    else
      setlocal nobuflisted
    endif
    return
  endif
  var [content, base] = [doc.fresh, doc.base]
  doc.fresh = {}
  if empty(content)
    var over = false
    Fetch(doc, 'buffer/read', (_, came, its_base) => {
      [content, base, over] = [came, its_base, true]
    })
    try
      link.Wait(READ, () => over)
    catch /^Vim:Interrupt$/
    endtry
    if empty(content)
      doc.unread = true
      setlocal nomodifiable
      messages.Error($'cannot read {doc.name} again: :edit tries once more')
      return
    endif
    if doc.state == 'conflict'
      link.Ask('buffer/resolve', {id: doc.id, choose: 'theirs'}, (_, _) => 0)
    endif
  endif
  doc->extend({base: base, state: 'clean', unread: false, sent: ''})
  setlocal modifiable
  silent doautocmd <nomodeline> BufReadPre
  lockmarks text.Fill(buf, content, true) # a quickfix list has its lines already
  silent doautocmd <nomodeline> BufReadPost
  var language = doc.language->tolower()->matchstr('\w\+$')
  if language != '' && getcompletion(language, 'filetype')->index(language) >= 0
    &l:filetype = language
  endif
  setlocal nomodeline
  &l:readonly = doc.readonly
  Refresh(doc)
  languages.Begin(doc)
enddef

# BufWriteCmd.
export def Write(buf: number, target: string)
  var doc = get(by_buf, buf, {})
  if empty(doc) || target !=# bufname(buf)
    messages.Error('a text goes to its own host and name only; :w FILE writes a copy here')
  elseif doc.arrived
    setlocal nomodified
  elseif doc.lost
    messages.Error($'{doc.name} is not open on {doc.host} any more; :w FILE writes a copy here')
  elseif doc.unread
    messages.Error($'{doc.name} was not read from {doc.host}: :edit tries again')
  elseif !link.Ready()
    messages.Error($'{doc.name} is not saved: rbridge is not running; the text stays here')
  else
    saving.Write(doc, v:cmdbang == 1 && doc.state == 'conflict')
    Release(doc)
  endif
enddef

# One that somebody waits for is closed with its last window.
export def Release(doc: dict<any>)
  timer_start(0, (_) => {
    var here = get(by_buf, doc.buf, {}) is doc && bufloaded(doc.buf)
    if doc.wait && here && !Modified(doc) && empty(win_findbuf(doc.buf))
      execute 'bdelete' doc.buf
    endif
  })
enddef

export def WindowClosed(buf: number)
  folders.WindowClosed(buf)
  if has_key(by_buf, buf)
    Release(by_buf[buf])
  endif
enddef

# :q in its last window is refused while it is modified, as 'hidden' says, and always where somebody waits.
export def Quitting(buf: number)
  var doc = get(by_buf, buf, {})
  if !empty(doc) && len(win_findbuf(buf)) == 1 && (doc.wait || Modified(doc) && !&hidden)
    setbufvar(buf, '&bufhidden', doc.wait ? 'wipe' : '')
    timer_start(0, (_) => {
      if bufexists(buf)
        setbufvar(buf, '&bufhidden', 'hide')
      endif
    })
  endif
enddef

# :bdelete and the like; :edit! unloads too, and loads again at once.
export def Unloaded(buf: number)
  folders.Unloaded(buf)
  if !has_key(by_buf, buf)
    return
  endif
  var doc = by_buf[buf]
  timer_start(0, (_) => {
    if get(by_buf, buf, {}) is doc && !bufloaded(buf)
      Forget(doc)
      silent! execute 'bwipeout!' buf
    endif
  })
enddef

# :saveas and :file make it a file of this machine.
export def Renamed(buf: number)
  if has_key(by_buf, buf) && bufname(buf) !~ '^rbridge://'
    Forget(by_buf[buf])
    setbufvar(buf, 'rbridge', {})
    setlocal buftype= bufhidden= swapfile< undofile< modeline<
  endif
enddef

export def Focus(buf: number)
  folders.Entered(buf)
  var doc = Of(buf)
  link.Notify('buffer/focus', empty(doc) ? {} : {id: doc.id})
enddef

# Vim ends: who waits on a host is let go.
export def Leave()
  var open = link.Ready() ? len(docs) : 0
  if open > 0
    for doc in values(docs)
      link.Ask('buffer/close', {id: doc.id}, (_, _) => {
        open -= 1
      })
    endfor
    link.Wait(LEAVE, () => open == 0)
  endif
  folders.Leave()
enddef
