vim9script
# Saving: from :w to the host's word.

import autoload './conflict.vim'
import autoload './documents.vim'
import autoload './link.vim'
import autoload './messages.vim'
import autoload './rpc.vim'
import autoload './text.vim'
import autoload './window.vim'

const WAIT = 10000 # ms that :w waits for the host; then it goes on by itself
const SILENT = 300 # ms until it says that it waits
const [CONFLICT, UNCERTAIN] = [-32011, -32012]

# What a content is known by, later.
def Mark(content: dict<any>): string
  return sha256(content.text) .. content.latin1
enddef

# The host has what was written: the buffer is unmodified, unless it was changed since. Where no :w runs any more
# another one, that writes nothing, has Vim know that undo leads away from what is saved.
def Arrived(doc: dict<any>, base: string)
  if bufloaded(doc.buf) && getbufvar(doc.buf, 'changedtick') == doc.tick
    if !link.Saves()
      doc.arrived = true
      window.Within(doc.buf, 'silent! write!')
      doc.arrived = false
    endif
    setbufvar(doc.buf, '&modified', 0)
  endif
  documents.Set(doc, {base: base, sent: '', state: 'clean'})
enddef

# What the daemon said of a text that was sent.
def Settle(doc: dict<any>, error: dict<any>, result: dict<any>)
  var outcome = get(result, 'outcome', '')
  if outcome == 'saved' || outcome == 'sent'
    Arrived(doc, result.base)
    var said = outcome == 'saved' ? $'{doc.name} saved on {doc.host}'
      : $'{doc.name} sent to {doc.host}, which confirms nothing'
    messages.Info(said)
  elseif empty(error)
    messages.Warning(get(result, 'message', '') ?? $'{doc.name} is kept here until its host is back')
  elseif error.code == rpc.LOST || error.code == UNCERTAIN
    messages.Error($'{doc.name}: not known yet whether {doc.host} has it: {error.message}')
  else
    doc.sent = ''
    messages.Error($'{doc.name} is not saved on {doc.host}: {error.message}')
    if error.code == CONFLICT
      doc.state = 'conflict'
      link.Later(() => conflict.Ask(doc))
    endif
  endif
enddef

# Send a text after those that were sent before: each stands on the base that the last one left. Then(whether
# the host has it).
def Send(doc: dict<any>, content: dict<any>, tick: number, force: bool, Then: func)
  if doc.saving
    doc.waiters->add(() => Send(doc, content, tick, force, Then))
    return
  endif
  documents.Set(doc, {saving: true, sent: Mark(content), tick: tick})
  Part(doc, text.Pack(content), force, (error, result) => {
    doc.saving = false
    Settle(doc, error, result)
    documents.Refresh(doc)
    var waiters = doc.waiters
    doc.waiters = []
    for Resume in waiters
      Resume()
    endfor
    Then(doc.sent == '' && doc.state == 'clean')
  })
enddef

def Part(doc: dict<any>, parts: list<dict<any>>, force: bool, Then: func)
  var part = remove(parts, 0)->extend({id: doc.id, base: doc.base})->extend(force ? {force: true} : {})
  link.Ask('buffer/write', part, (error, result) => {
    if empty(error) && !empty(parts)
      Part(doc, parts, force, Then)
    else
      Then(error, result)
    endif
  })
enddef

# A kept or uncertain text may have arrived: look what the host has. Then(whether it has it).
export def Look(doc: dict<any>, Then: func)
  documents.Fetch(doc, 'buffer/read', (error, content, base) => {
    var arrived = empty(error) && doc.sent == Mark(content)
    if arrived
      Arrived(doc, base)
      messages.Info($'{doc.name} saved on {doc.host}')
    endif
    Then(arrived)
  })
enddef

# Wait while the user looks on; returns whether it came to be over.
def Wait(doc: dict<any>, Over: func): bool
  try
    if link.Wait(SILENT, Over)
      return true
    endif
    redraw
    echo $'rbridge: saving {doc.name} on {doc.host} (CTRL-C: do not wait)'
    redraw
    return link.Wait(get(g:, 'rbridge_wait', WAIT), Over)
  catch /^Vim:Interrupt$/
  endtry
  return Over()
enddef

# :w of the current buffer. While it is modified afterwards Vim takes the write for failed, and :wq does not quit.
export def Write(doc: dict<any>, force: bool)
  silent doautocmd <nomodeline> BufWritePre
  var [content: dict<any>, why: string] = text.Encode()
  if why != ''
    messages.Error($'{doc.name} is not saved: {why}')
    return
  endif
  var [over, saved] = [false, false]
  link.Saving(true)
  try
    Send(doc, content, b:changedtick, force, (arrived) => {
      [over, saved] = [true, arrived]
    })
    Wait(doc, () => over)
  finally
    link.Saving(false)
  endtry
  if !over
    messages.Warning($'{doc.name} not saved yet: {doc.host} does not answer')
  elseif saved
    silent doautocmd <nomodeline> BufWritePost
  endif
enddef
