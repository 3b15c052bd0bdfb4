vim9script
# A search in the files of a folder: its matches come into a quickfix list.

import autoload './folders.vim'
import autoload './link.vim'
import autoload './messages.vim'
import autoload './spelling.vim'
import autoload './window.vim'

const MOST = 1000
const CANCELLED = -32800

var newest: dict<any> = {stream: 0, request: 0} # the last search

def Title(search: dict<any>, said: string)
  setqflist([], 'a', {id: search.list, title: $'{search.query} in {search.folder.host}:{search.folder.path}: {said}'})
enddef

# Search for `query`; one that runs is given up.
export def Begin(folder: dict<any>, query: string, regex: bool)
  Stop()
  setqflist([], ' ', {items: [], context: {rbridge: folder.id}, title: query})
  var search: dict<any> = {
    folder: folder, query: query, list: getqflist({id: 0}).id, count: 0, stream: newest.stream + 1, request: 0,
  }
  newest = search
  Title(search, 'searching (:RbridgeStop ends it)')
  botright copen
  nnoremap <buffer> <silent> <CR> <Cmd>call rbridge#search#Jump(line('.'))<CR>
  var asked = {query: query, regex: regex, limit: MOST, stream: $'search{search.stream}'}
  search.request = folders.Ask(folder, 'fs/search', asked, (error, result) => {
    search.request = 0
    if !empty(error) && error.code != CANCELLED
      messages.Error($'cannot search: {error.message}')
    endif
    Title(search, get(error, 'code', 0) == CANCELLED ? $'given up after {search.count}'
      : !empty(error) ? error.message
      : result.truncated ? $'the first {search.count}, there are more'
      : search.count == 0 ? 'nothing found' : search.count == 1 ? '1 match' : $'{search.count} matches')
  })
enddef

export def Stop()
  link.Cancel(newest.request)
enddef

# fs/found: more matches.
export def Found(params: dict<any>)
  if params.stream == $'search{newest.stream}'
    newest.count += len(params.matches)
    var items = params.matches->mapnew((_, match) => Item(newest.folder, match))
    if setqflist([], 'a', {id: newest.list, items: items}) != 0
      Stop() # the user has thrown the list away
    endif
  endif
enddef

# A quickfix list counts columns in bytes. Of a line that is not here from its beginning, one for each character.
def Item(folder: dict<any>, match: dict<any>): dict<any>
  var from = get(match, 'from', 1)
  var column = from + strlen(strcharpart(match.text, 0, match.column - from))
  return {
    filename: folder.top .. spelling.Plain(match.path, get(match, 'encoded', false)),
    lnum: match.line,
    col: column,
    end_col: column + strlen(strcharpart(match.text, match.column - from, match.length)),
    text: match.text,
  }
enddef

# Whether the current window is the quickfix window with a list of ours.
export def Listed(): bool
  var context: any = &buftype == 'quickfix' ? getqflist({context: 0}).context : ''
  return type(context) == v:t_dict && has_key(context, 'rbridge')
enddef

# <CR> in the quickfix window. Vim's own would split a window for each text of a host.
export def Jump(number: number)
  if Listed()
    window.Place(win_getid(winnr('#')))
    execute $':{number}cc'
  else
    execute "normal! \<CR>"
  endif
enddef
