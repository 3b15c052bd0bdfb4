vim9script
# How a folder is seen: its name, and below it a line for each name in it, directories first. Of a directory
# with `-` in front all is shown, of one with `+` only its name.

import autoload './directories.vim'
import autoload './folders.vim'
import autoload './link.vim'
import autoload './text.vim'
import autoload './spelling.vim'

const PAUSE = 200 # ms until it is looked again whether the user still selects

const KEYS = {
  '<CR>': 'Enter()', '<2-LeftMouse>': 'Enter()', o: 'Enter("split")', v: 'Enter("vertical split")',
  t: 'Enter("tab split")', P: 'Enter("previous")', '-': 'Up()', '%': 'Make(v:false)', d: 'Make(v:true)', R: 'Rename()',
  D: 'Remove()', '<C-L>': 'Refresh()', f: 'Find()', s: 'Search()', q: 'Close()', 'g?': 'Help()',
}

# The path of the directory that a path lies in.
export def Parent(path: string): string
  return path->matchstr('^.*\ze/')
enddef

# What stands for an entry of a directory.
export def Node(parent: string, entry: dict<any>): dict<any>
  var name = spelling.Plain(entry.name, get(entry, 'encoded', false))
  var path = parent == '' ? name : parent .. '/' .. name
  var [before, after] = [repeat('  ', count(path, '/')), entry.name]
  if entry.type == 'directory'
    after ..= '/'
  endif
  if has_key(entry, 'link')
    after ..= ' -> ' .. entry.link
    after ..= get(entry, 'outside', false) ? ' (outside)' : get(entry, 'dangling', false) ? ' (dangling)' : ''
  endif
  var sign = entry.type == 'directory' ? '+ ' : '  '
  return {path: path, kind: entry.type, line: before .. sign .. after, open: before .. '- ' .. after}
enddef

def Note(directory: dict<any>, said: string): dict<any>
  var depth = directory.path == '' ? 0 : count(directory.path, '/') + 1
  return {path: directory.path, kind: 'note', line: $'{repeat("  ", depth)}  ({said})'}
enddef

def Gather(folder: dict<any>, directory: dict<any>, nodes: list<dict<any>>)
  for node in directory.folders
    nodes->add(node)
    if has_key(folder.directories, node.path)
      Gather(folder, folder.directories[node.path], nodes)
    endif
  endfor
  nodes->extend(directory.files)
  if directory.error != ''
    nodes->add(Note(directory, directory.error))
  elseif directory.more
    var number = len(directory.folders) + len(directory.files)
    nodes->add(Note(directory, $'only {number} names are shown; :RbridgeFind finds files by all'))
  elseif empty(directory.folders) && empty(directory.files)
    nodes->add(Note(directory, directory.known ? 'empty' : 'coming'))
  endif
enddef

# Not by a function for each: Vim looks through all of a dictionary that is handed to one.
def Lines(folder: dict<any>): list<string>
  var [open, lines] = [folder.directories, [Head(folder)]]
  for node in folder.nodes
    lines->add(node.kind == 'directory' && has_key(open, node.path) ? node.open : node.line)
  endfor
  return lines
enddef

def Head(folder: dict<any>): string
  var trouble = folders.Trouble(folder)
  return $'{folder.host}:{folder.path}' .. (folder.readonly ? ' [read-only]' : '')
    .. (trouble == '' ? '' : $' [{trouble}]')
enddef

# Show how it stands now, once nobody is in the middle of something there.
export def Paint(folder: dict<any>)
  if !folder.due
    folder.due = true
    link.Later(() => PaintNow(folder))
  endif
enddef

def PaintNow(folder: dict<any>)
  if bufnr() == folder.buf && mode() =~ "^[vV\<C-v>]"
    timer_start(PAUSE, (_) => link.Later(() => PaintNow(folder)))
    return
  endif
  folder.due = false
  if !bufloaded(folder.buf)
    return
  endif
  var views = win_findbuf(folder.buf)->mapnew((_, win) => {
    var line = getcurpos(win)[1]
    return {win: win, line: line, top: getwininfo(win)[0].topline, path: get(At(folder, line), 'path', '')}
  })
  folder.nodes = []
  Gather(folder, folder.directories[''], folder.nodes)
  setbufvar(folder.buf, '&modifiable', 1)
  text.Lay(folder.buf, Lines(folder))
  setbufvar(folder.buf, '&modifiable', 0)
  setbufvar(folder.buf, '&modified', 0)
  for view in views
    var line = LineOf(folder, view.path)
    if line == 0
      line = view.line == 1 ? 1 : min([view.line, len(folder.nodes) + 1])
    endif
    win_execute(view.win, $'winrestview({{lnum: {line}, topline: {max([view.top + line - view.line, 1])}}})')
    if folder.goal.line == view.line
      folder.goal.line = line
    endif
  endfor
  Reach(folder)
  redrawstatus!
enddef

def LineOf(folder: dict<any>, path: string): number
  var number = 2
  for node in folder.nodes
    if node.path ==# path && path != ''
      return number
    endif
    number += 1
  endfor
  return 0
enddef

# BufReadCmd: the current buffer is a folder's; for the first time, or again by :edit.
export def Begin(buf: number)
  setlocal buftype=nofile bufhidden=hide noswapfile noundofile nomodeline nobuflisted undolevels=-1
  setlocal nowrap nonumber norelativenumber nofoldenable nospell cursorline
  if has('syntax')
    syntax clear
    syntax match rbridgeHead /\%1l.*/
    syntax match rbridgeDirectory /^ *[-+] .\{-}\/\ze\%( -> .*\)\=$/
    syntax match rbridgeLink / -> .*$/
    syntax match rbridgeNote /^ *(.*)$/
    highlight default link rbridgeHead Title
    highlight default link rbridgeDirectory Directory
    highlight default link rbridgeLink Comment
    highlight default link rbridgeNote Comment
  endif
  for [key, what] in items(KEYS)
    execute $'nnoremap <buffer> <nowait> <silent> {key} <Cmd>call rbridge#browse#{what}<CR>'
  endfor
  var folder = folders.Of(buf)
  folder.nodes = []
  PaintNow(folder)
  if folder.begun
    directories.Refresh(folder)
  endif
  folder.begun = true
enddef

# What stands in the current line of a folder's buffer; {} for its head.
export def Under(folder: dict<any>): dict<any>
  return At(folder, line('.'))
enddef

def At(folder: dict<any>, line: number): dict<any>
  return line < 2 ? {} : get(folder.nodes, line - 2, {})
enddef

# Put the cursor on a path, now or, if nobody has moved it, when that has come.
export def Seek(folder: dict<any>, path: string)
  for win in win_findbuf(folder.buf)
    folder.goal = {path: path, line: getcurpos(win)[1]}
  endfor
  Reach(folder)
enddef

def Reach(folder: dict<any>)
  var [goal, line] = [folder.goal, LineOf(folder, folder.goal.path)]
  for win in win_findbuf(folder.buf)
    if line > 0 && getcurpos(win)[1] == goal.line
      win_execute(win, $':{line}')
    endif
  endfor
  if line > 0 || !get(folder.directories, Parent(goal.path), {busy: false}).busy
    folder.goal = {path: '', line: 0}
  endif
enddef

# The same, the directories above being opened where they are not.
export def Reveal(folder: dict<any>, path: string)
  var above = ''
  for name in Parent(path)->split('/')
    above = above == '' ? name : above .. '/' .. name
    directories.Expand(folder, above)
  endfor
  Seek(folder, path)
enddef
