vim9script
# What the daemon says: requests, notices, and what became of the documents after a lost connection.

import autoload './diff.vim'
import autoload './documents.vim'
import autoload './find.vim'
import autoload './folders.vim'
import autoload './languages.vim'
import autoload './link.vim'
import autoload './messages.vim'
import autoload './question.vim'
import autoload './saving.vim'
import autoload './search.vim'
import autoload './window.vim'

const AGAIN = 20 # ms until it is looked again whether a buffer is there
var opening: dict<bool> # ids, as a set

# Show a document that the daemon has, as buffer/open and fs/open say.
export def Open(params: dict<any>, Then: func)
  var known = get(documents.All(), params.id, {})
  if !empty(known)
    known.wait = known.wait || get(params, 'wait', false)
    window.Show(known.buf, params)
    Then({}, {})
    return
  endif
  var doc = documents.New(params)
  opening[doc.id] = true
  documents.Fetch(doc, 'buffer/read', (error, content, base) => {
    remove(opening, doc.id)
    if !empty(error)
      Then(error, {})
      return
    endif
    link.Later(() => {
      documents.Show(doc, content, base)
      try
        window.Show(doc.buf, params)
        Then({}, {})
      catch
        if !bufloaded(doc.buf)
          documents.Drop(doc)
        endif
        Then({code: -32603, message: 'Vim: ' .. v:exception}, {})
      endtry
    })
  })
enddef

def Question(params: dict<any>, Then: func)
  question.Calmly(params.message, params.answers, (answer) => Then({}, answer == '' ? {} : {answer: answer}))
enddef

def Changed(params: dict<any>)
  var doc = get(documents.All(), params.id, {})
  if empty(doc)
    if has_key(opening, params.id)
      timer_start(AGAIN, (_) => Changed(params))
    endif
    return
  endif
  documents.Reload(doc, get(params, 'force', false), (taken) => {
    if !taken
      documents.Conflict(doc)
    endif
    link.Ask('buffer/taken', {id: doc.id, base: taken ? doc.base : params.base, taken: taken}, (_, _) => 0)
  })
enddef

def State(params: dict<any>)
  var doc = get(documents.All(), params.id, {})
  if empty(doc)
    return
  endif
  doc->extend({message: get(params, 'message', ''), connected: get(params, 'connected', true)})
  if params.state == 'conflict'
    documents.Conflict(doc)
  elseif params.state == 'clean' && doc.sent != '' && !doc.saving
    saving.Look(doc, (_) => documents.Release(doc))
  endif
  documents.Set(doc, {state: params.state})
  if doc.connected
    languages.Begin(doc)
  endif
enddef

def Closed(params: dict<any>)
  var doc = get(documents.All(), params.id, {})
  if empty(doc)
    return
  endif
  var why = get(params, 'message', '') == '' ? '' : ': ' .. params.message
  if documents.Modified(doc)
    documents.Lose(doc)
    messages.Warning($'{doc.name} closed on {doc.host}; the text stays (:w FILE){why}')
  else
    documents.Drop(doc)
    window.Remove(doc.buf)
    messages.Info($'{doc.name} closed on {doc.host}{why}')
  endif
enddef

def Show(params: dict<any>)
  var Say = get({error: messages.Error, warning: messages.Warning}, get(params, 'kind', ''), messages.Info)
  Say(get(params, 'message', ''))
enddef

# The connection

def Buffers(): list<dict<any>>
  return values(documents.All())->mapnew((_, doc) => {
    return {id: doc.id, base: doc.base, modified: documents.Modified(doc) ? true : false}
  })
enddef

# Connected, for the first time or again: what became of each document meanwhile.
def Begun(result: dict<any>)
  var back: dict<dict<any>>
  for one in get(result, 'buffers', [])
    back[one.id] = one
  endfor
  for doc in values(documents.All())
    if has_key(back, doc.id)
      Returned(doc, back[doc.id])
    else
      documents.Lose(doc)
      messages.Warning($'{doc.name} is closed on {doc.host}; the text stays (:w FILE)')
    endif
  endfor
  folders.Begun(get(result, 'folders', []))
enddef

def Returned(doc: dict<any>, one: dict<any>)
  doc->extend({connected: get(one, 'connected', true), message: get(one, 'message', '')})
  if one.state == 'conflict'
    documents.Conflict(doc)
  endif
  documents.Set(doc, {state: one.state})
  languages.Begin(doc)
  if doc.sent == ''
    Compared(doc, one.base)
    return
  endif
  saving.Look(doc, (arrived) => {
    if arrived
      documents.Release(doc)
      return
    elseif one.state == 'clean'
      documents.Set(doc, {sent: ''})
      messages.Error($'{doc.name} is not saved on {doc.host}: the connection was lost before')
    endif
    Compared(doc, one.base)
  })
enddef

def Compared(doc: dict<any>, base: string)
  if base != doc.base
    documents.Reload(doc, false, (taken) => {
      if !taken
        documents.Conflict(doc)
      endif
    })
  endif
enddef

def Lost()
  languages.Lost()
  for doc in values(documents.All())
    documents.Refresh(doc)
  endfor
  folders.Lost()
  if !empty(documents.All())
    messages.Warning('connection lost, tried again; the texts stay')
  endif
enddef

def Found(params: dict<any>)
  find.Found(params)
  search.Found(params)
enddef

export def Start()
  link.Start({
    requests: {'buffer/open': Open, 'buffer/diff': diff.Show, 'folder/open': folders.Open, question: Question},
    notices: {
      'buffer/changed': Changed, 'buffer/state': State, 'buffer/closed': Closed, 'window/show': Show,
      'folder/focus': folders.Focus, 'folder/state': folders.State, 'folder/closed': folders.Closed,
      'fs/changed': folders.Changed, 'fs/found': Found,
    },
    # None touches a window. What was found comes before the answer that it was all.
    AtOnce: (method, params) => method == 'fs/found'
      || ['buffer/state', 'buffer/changed']->index(method) >= 0 && has_key(documents.All(), params.id),
    Languages: languages.Possible,
    Buffers: Buffers,
    Folders: folders.Shown,
    Begun: Begun,
    Lost: Lost,
    Refused: (error) => messages.Error($'rbridge refused this plug-in: {error.message} (rbridge plugin install vim)'),
  })
enddef
