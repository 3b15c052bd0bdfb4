vim9script
# Files of a folder by some letters of their paths, in a pop-up window, found while they are typed.

import autoload './browse.vim'
import autoload './folders.vim'
import autoload './link.vim'
import autoload './spelling.vim'

const [ROWS, MOST] = [15, 200] # paths shown at once, and asked for
const PAUSE = 30 # ms after a key: what is typed at once is asked at once
const CANCELLED = -32800
const MOVES = {
  "\<Down>": 1, "\<C-N>": 1, "\<C-J>": 1, "\<Up>": -1, "\<C-P>": -1, "\<C-K>": -1,
  "\<PageDown>": ROWS, "\<PageUp>": -ROWS,
}
const OPENS = {"\<CR>": '', "\<C-X>": 'split', "\<C-V>": 'vertical split', "\<C-T>": 'tab split'}
const LESS = {"\<BS>": '.$', "\<C-H>": '.$', "\<C-W>": '\S*\s*$', "\<C-U>": '.*'} # what of the query is taken away

var folder: dict<any>
var popup = 0
var query: string
var found: list<string>
var chosen = 0 # which of them
var said: string # how it stands
var stream = 0
var request = 0
var timer = 0

# Ask for a file of a folder, the user having typed `given`.
export def Begin(where: dict<any>, given: string)
  popup_close(popup)
  [folder, query, found, chosen, said] = [where, given, [], 0, '']
  var width = min([&columns - 8, 100])
  popup = popup_create([''], {
    minwidth: width, maxwidth: width, maxheight: ROWS + 1, line: 2, pos: 'topleft', border: [], padding: [0, 1, 0, 1],
    wrap: false, scrollbar: false, cursorline: true, mapping: false, filter: Typed, callback: (_, _) => Stop(),
  })
  Ask()
enddef

def Paint()
  var first = max([chosen - ROWS + 1, 0])
  var rows = found[first : first + ROWS - 1]->mapnew((_, path) => '  ' .. spelling.Shown(path))
  popup_settext(popup, ['> ' .. query] + rows)
  popup_setoptions(popup, {title: $' Find a file in {folder.host}:{folder.path}{said == "" ? "" : ": "}{said} '})
  win_execute(popup, $'normal! {empty(found) ? 1 : chosen - first + 2}G')
enddef

# Nobody wants to know what was asked before.
def Stop()
  timer_stop(timer)
  link.Cancel(request)
  [stream, request] = [stream + 1, 0]
enddef

def Ask()
  Stop()
  said = query =~ '\S' ? 'looking' : ''
  if said == ''
    [found, chosen] = [[], 0]
  else
    timer = timer_start(PAUSE, (_) => Send(stream))
  endif
  Paint()
enddef

def Send(mine: number)
  request = folders.Ask(folder, 'fs/find', {query: query, limit: MOST, stream: $'find{mine}'}, (error, result) => {
    if mine != stream || get(error, 'code', 0) == CANCELLED
      return
    elseif !empty(error)
      said = error.message
      Take([])
      return
    endif
    var paths = spelling.All(result)
    said = result.truncated ? $'the best {len(paths)}, there are more'
      : empty(paths) ? 'nothing found' : len(paths) == 1 ? '1 file' : $'{len(paths)} files'
    Take(paths)
  })
enddef

def Take(paths: list<string>)
  var before = get(found, chosen, '')
  found = paths
  chosen = chosen == 0 ? 0 : max([index(found, before), 0]) # the first one stays the first one
  Paint()
enddef

# fs/found: what is found so far.
export def Found(params: dict<any>)
  if params.stream == $'find{stream}'
    Take(spelling.All(params))
  endif
enddef

def Typed(id: number, key: string): bool
  if key == "\<Esc>" || key == "\<C-C>"
    popup_close(id)
  elseif has_key(OPENS, key)
    Choose(OPENS[key])
  elseif has_key(MOVES, key)
    chosen = max([min([chosen + MOVES[key], len(found) - 1]), 0])
    Paint()
  elseif has_key(LESS, key)
    query = query->substitute(LESS[key], '', '')
    Ask()
  elseif strchars(key) == 1 && key =~ '^[[:print:]]$'
    query ..= key
    chosen = 0
    Ask()
  endif
  return true # no key is for the text below
enddef

def Choose(split: string)
  if !empty(found)
    var [where, path] = [folder, found[chosen]]
    popup_close(popup)
    browse.Open(where, path, {at: win_getid(), split: split})
  endif
enddef
