vim9script
# Language servers of the hosts: which ones a document has the daemon knows, and vim-lsp speaks with them.

import autoload './documents.vim'
import autoload './link.vim'
import autoload './messages.vim'
import autoload './spelling.vim'

const [LOST, NOT_NOW] = [-32000, -32010]
var known: dict<dict<any>> # what is known of documents, by id
var warned = false

# Whether somebody here speaks with language servers, and the user wants that.
export def Possible(): bool
  return get(g:, 'rbridge_language_servers', true) && exists('g:lsp_loaded') && !empty(globpath(&rtp, 'autoload/lsp.vim'))
enddef

# The program that carries what vim-lsp says to the daemon.
def Program(): list<string>
  var given = get(g:, 'rbridge_command', 'rbridge')
  return type(given) == v:t_list ? copy(given) : [given]
enddef

# Ask which servers there are for a document, unless that is known.
export def Begin(doc: dict<any>)
  if !link.Ready() || !Possible() || has_key(known, doc.id) || doc.path == ''
    return
  elseif !executable(Program()[0])
    if !warned
      messages.Warning($"language servers need the program '{Program()[0]}' here: g:rbridge_command says where it is")
    endif
    warned = true
    return
  endif
  known[doc.id] = {servers: []}
  link.Ask('lsp/servers', {id: doc.id}, (error, result) => {
    if !empty(error)
      if [LOST, NOT_NOW]->index(error.code) >= 0 # asked again once it is connected
        silent! remove(known, doc.id)
      endif
      return
    endif
    if get(result, 'advice', '') != ''
      messages.Info(result.advice)
    endif
    if has_key(known, doc.id) && !empty(get(result, 'servers', []))
      Attach(doc, result.servers)
    endif
  })
enddef

# Tell vim-lsp of servers, the first of which is the one that has the bridge's own features too.
def Attach(doc: dict<any>, servers: list<dict<any>>)
  known[doc.id].servers = servers->mapnew((at, one) => rbridge#lsp#Register(
    $'rbridge:{doc.host}:{one.name}:{one.root}',
    Program() + ['lsp', '--uri', doc.uri, '--server', one.name],
    one.root,
    {rbridge: {uri: doc.uri, server: one.name, primary: at == 0 ? true : false}}))
  link.Later(() => {
    if bufloaded(doc.buf)
      rbridge#lsp#Activate(doc.buf)
    endif
  })
enddef

# The daemon does not know a document any more, or it is closed.
export def Forget(doc: dict<any>)
  silent! remove(known, doc.id)
enddef

# The daemon is gone: a new one has to be asked anew.
export def Lost()
  known = {}
enddef

# The names of the servers that look after a buffer.
export def Names(buf: number): list<string>
  var doc = documents.Of(buf)
  return link.Ready() && !empty(doc) && has_key(known, doc.id) ? known[doc.id].servers : []
enddef

# What servers call the buffer with this name, and back: a document is called what the daemon calls it.
export def Uri(name: string): string
  for doc in values(documents.All())
    if bufname(doc.buf) ==# name
      return doc.uri
    endif
  endfor
  var [_, host, path; _] = matchlist(name, '^rbridge://\([^/]*\)\(.*\)$')
  return 'rbridge://' .. host .. spelling.Quoted(path)->substitute('[^A-Za-z0-9/._~%-]',
    (found) => printf('%%%02X', char2nr(found[0])), 'g')
enddef

export def Name(uri: string): string
  var plain = uri->substitute('[?#].*', '', '')
  for doc in values(documents.All())
    if doc.uri ==# uri || doc.uri->substitute('[?#].*', '', '') ==# plain
      return bufname(doc.buf)
    endif
  endfor
  return spelling.Plain(plain, true)
enddef
