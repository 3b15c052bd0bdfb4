vim9script
# The host's file is another one than the text here stands on: compare, overwrite, reload.

import autoload './documents.vim'
import autoload './messages.vim'
import autoload './question.vim'
import autoload './saving.vim'
import autoload './text.vim'
import autoload './window.vim'

export def Choices(..._): string
  return "mine\ntheirs"
enddef

def Of(buf: number): dict<any>
  var doc = documents.Of(buf)
  if empty(doc)
    messages.Error('this is no text of a host, or not connected any more')
  endif
  return doc
enddef

# Show the host's text beside the buffer, as a diff in a tab page of its own.
export def Compare(buf: number)
  var doc = Of(buf)
  if empty(doc)
    return
  elseif &diffopt !~ '\<internal\>' || &diffexpr != ''
    messages.Error("cannot compare: without 'internal' in 'diffopt' the texts would get onto the disk")
    return
  endif
  documents.Fetch(doc, 'buffer/theirs', (error, content, _) => {
    if empty(error)
      Beside(doc, content)
    else # no conflict: what is there
      documents.Fetch(doc, 'buffer/read', (fault, now, _) => {
        if empty(fault)
          Beside(doc, now)
        else
          messages.Error($'cannot compare {doc.name}: {fault.message}')
        endif
      })
    endif
  })
enddef

def Beside(doc: dict<any>, content: dict<any>)
  var other = bufadd($'rbridge-host://{doc.host}{doc.path}')
  for [name, value] in items({buftype: 'nofile', swapfile: 0, undofile: 0, modeline: 0, bufhidden: 'wipe'})
    setbufvar(other, '&' .. name, value)
  endfor
  var shown = win_findbuf(other)
  if empty(shown)
    bufload(other)
    tab split
    execute 'buffer' doc.buf
    diffthis
    rightbelow vertical split
    execute 'buffer' other
    diffthis
    setbufvar(other, '&filetype', getbufvar(doc.buf, '&filetype'))
    wincmd p
  else
    win_gotoid(shown[0])
  endif
  text.Fill(other, content, true)
  setbufvar(other, '&modifiable', 0)
  diffupdate
enddef

# `mine`: this text goes over the host's. `theirs`: the host's text comes here, this one is given up.
export def Resolve(buf: number, choice: string)
  var doc = Of(buf)
  if empty(doc)
    return
  elseif choice == 'mine' && bufnr() == buf
    saving.Write(doc, true)
  elseif choice == 'mine' # from the buffer's own window, or one that is not seen
    window.Within(buf, $'rbridge#conflict#Resolve({buf}, "mine")')
  elseif choice == 'theirs'
    documents.Theirs(doc)
  else
    messages.Error('mine or theirs?')
  endif
enddef

# Ask what to do; no answer leaves everything as it is.
export def Ask(doc: dict<any>)
  var answers = ['Compare', 'Overwrite', 'Reload']
  question.Ask($'{doc.name} was changed on {doc.host}:', answers, 1, (answer) => {
    if answer == 'Compare'
      Compare(doc.buf)
    elseif answer != ''
      Resolve(doc.buf, answer == 'Overwrite' ? 'mine' : 'theirs')
    endif
  })
enddef
