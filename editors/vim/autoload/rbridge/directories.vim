vim9script
# What is known of a folder, for each directory that is shown: asked page by page, and watched.

import autoload './folders.vim'
import autoload './listing.vim'
import autoload './spelling.vim'

const [FIRST, PAGE, MOST] = [200, 1000, 10000] # names of a directory: asked for at first, then; shown at all
const WATCHED = 500 # directories
const PAUSE = 200 # ms between two looks at a directory that keeps changing
const [LOST, DISCONNECTED] = [-32000, -32015]

export def New(path: string): dict<any>
  return {
    path: path,
    folders: [], # nodes, as listing.Node() makes them
    files: [],
    known: false, # whether all of it has come once
    more: false, # whether there are more than MOST
    error: '',
    busy: false,
    again: false, # whether it changed while it was looked at
  }
enddef

# Look at a directory that is shown: for the first time, or again.
export def List(folder: dict<any>, path: string)
  var directory = get(folder.directories, path, {})
  if empty(directory)
    return
  elseif directory.busy
    directory.again = true
    return
  endif
  directory->extend({busy: true, again: false})
  Page(folder, directory, {folders: [], files: [], more: false, error: ''}, '')
enddef

def Page(folder: dict<any>, directory: dict<any>, seen: dict<any>, after: string)
  var left = MOST - len(seen.folders) - len(seen.files)
  var params = spelling.Said({path: directory.path, after: after})
  folders.Ask(folder, 'fs/list', params->extend({limit: after == '' ? FIRST : min([PAGE, left])}), (error, result) => {
    if get(folder.directories, directory.path, {}) isnot directory
      return # not shown any more
    elseif empty(error)
      for entry in result.entries
        var node = listing.Node(directory.path, entry)
        (node.kind == 'directory' ? seen.folders : seen.files)->add(node)
      endfor
      var next = get(result, 'next', v:null) ?? ''
      seen.more = next != '' && len(seen.folders) + len(seen.files) >= MOST
      if next != '' && !seen.more
        if !directory.known
          directory->extend({folders: seen.folders, files: seen.files, error: ''})
          listing.Paint(folder)
        endif
        Page(folder, directory, seen, spelling.Plain(next, get(result, 'encoded', false)))
        return
      endif
      directory->extend(seen)->extend({known: true})
      Prune(folder, directory)
    elseif error.code != LOST && error.code != DISCONNECTED
      directory->extend(seen)->extend({error: error.message, known: true})
    elseif !directory.known
      directory.error = error.message
    endif
    Listed(folder, directory)
  })
enddef

def Listed(folder: dict<any>, directory: dict<any>)
  directory.busy = false
  listing.Paint(folder)
  if directory.again
    timer_start(PAUSE, (_) => List(folder, directory.path))
  endif
enddef

# What was shown of directories that are not there any more is forgotten.
def Prune(folder: dict<any>, directory: dict<any>)
  var there: dict<bool>
  for node in directory.folders
    there[node.path] = true
  endfor
  for path in keys(folder.directories)
    if path != '' && listing.Parent(path) ==# directory.path && !has_key(there, path)
      Collapse(folder, path)
    endif
  endfor
enddef

export def Expand(folder: dict<any>, path: string)
  if !has_key(folder.directories, path)
    folder.directories[path] = New(path)
    Watch(folder)
    List(folder, path)
    listing.Paint(folder)
  endif
enddef

export def Collapse(folder: dict<any>, path: string)
  folder.directories->filter((one, _) => one !=# path && stridx(one, path .. '/') != 0)
  Watch(folder)
  listing.Paint(folder)
enddef

# What was `from` is `to` now.
export def Moved(folder: dict<any>, from: string, to: string)
  var here = has_key(folder.directories, listing.Parent(to))
  for path in keys(folder.directories)->filter((_, one) => one ==# from || stridx(one, from .. '/') == 0)
    var now = to .. strpart(path, strlen(from))
    remove(folder.directories, path)
    if here
      folder.directories[now] = New(now)
      List(folder, now)
    endif
  endfor
  Watch(folder)
  List(folder, listing.Parent(from))
  List(folder, listing.Parent(to))
  listing.Seek(folder, to)
enddef

# Look at all of it again.
export def Refresh(folder: dict<any>)
  Watch(folder)
  for path in keys(folder.directories)
    List(folder, path)
  endfor
  listing.Paint(folder)
enddef

def Watch(folder: dict<any>)
  var plain: list<string>
  var encoded: list<string>
  for path in keys(folder.directories)->sort()->slice(0, WATCHED)
    if spelling.Odd(path)
      encoded->add(spelling.Quoted(path))
    else
      plain->add(path)
    endif
  endfor
  folders.Ask(folder, 'fs/watch', {paths: plain}->extend(empty(encoded) ? {} : {encoded: encoded}), (_, _) => 0)
enddef
