vim9script
# What the user does in a folder, in its buffer or by a command from elsewhere.

import autoload './directories.vim'
import autoload './documents.vim'
import autoload './find.vim'
import autoload './folders.vim'
import autoload './link.vim'
import autoload './listing.vim'
import autoload './messages.vim'
import autoload './question.vim'
import autoload './search.vim'
import autoload './session.vim'
import autoload './spelling.vim'
import autoload './window.vim'

const [REFUSED, UNCONFIRMED] = [-32010, -32014]

# The folder that is meant, and what in it: what is under the cursor, or the file in the current buffer; {} for
# neither.
def Meant(): list<dict<any>>
  var folder = folders.Current()
  if empty(folder)
    return [{}, {}]
  elseif folder.buf == bufnr()
    var node = listing.Under(folder)
    return [folder, get(node, 'kind', 'note') == 'note' ? {} : node]
  endif
  var [around, path] = folders.Around(bufname())
  return [folder, empty(around) ? {} : {path: path, kind: 'file'}]
enddef

# Whether there is a folder, and it may be changed; says why not.
def Writable(folder: dict<any>): bool
  if !empty(folder) && folder.readonly
    messages.Error($'{folder.host}:{folder.path} is read-only: nothing was changed')
  endif
  return !empty(folder) && !folder.readonly
enddef

# What the user types as a path; empty where that was dismissed, or is what was there before.
def Typed(prompt: string, given: string, before: string): string
  if given != ''
    return given
  endif
  try
    var typed = input(prompt, before)
    return typed ==# before ? '' : typed
  catch /^Vim:Interrupt$/
    return ''
  finally
    redraw
  endtry
  return ''
enddef

# Opening

# Open a file of a folder. `how` may have line, column, and where, in a window `at` that becomes its own by the
# command `split`, or as it is.
export def Open(folder: dict<any>, path: string, how: dict<any>)
  var asked = spelling.Said({path: path})
  folders.Ask(folder, 'fs/open', asked, (error, result) => {
    var name = spelling.Shown(path)
    if !empty(error)
      messages.Error($'{name} is not opened: {error.message}')
      if error.code == REFUSED # what is shown of it may be stale
        directories.List(folder, listing.Parent(path))
      endif
    elseif has_key(result, 'viewer')
      messages.Info($'{name} is shown by {result.viewer}')
    else
      link.Later(() => session.Open(folders.Named(folder, path, result)->extend(how), (fault, _) => {
        if !empty(fault)
          messages.Error($'{name} is not opened: {fault.message}')
        endif
      }))
    endif
  })
enddef

# <CR> and the like.
export def Enter(split: string = '')
  var folder = folders.Of(bufnr())
  var node = listing.Under(folder)
  if get(node, 'kind', 'note') == 'note'
    return
  elseif node.kind != 'directory'
    var at = split == 'previous' ? win_getid(winnr('#')) : win_getid()
    Open(folder, node.path, {at: at, split: split == 'previous' ? '' : split})
  elseif has_key(folder.directories, node.path)
    directories.Collapse(folder, node.path)
  else
    directories.Expand(folder, node.path)
  endif
enddef

# To the line of the directory above.
export def Up()
  var folder = folders.Of(bufnr())
  var parent = listing.Parent(get(listing.Under(folder), 'path', ''))
  if parent == ''
    cursor(1, 1)
  else
    listing.Seek(folder, parent)
  endif
enddef

# Changing

# Make a file and open it, or a directory, which a path that ends in a slash is too.
export def Make(directory: bool, given: string = '')
  var [folder, node] = Meant()
  if !Writable(folder)
    return
  endif
  var inside = get(node, 'kind', '') == 'directory' && has_key(folder.directories, node.path)
  var near = inside ? node.path : listing.Parent(get(node, 'path', ''))
  var before = spelling.Shown(near) .. (near == '' ? '' : '/')
  var typed = Typed(directory ? 'New folder: ' : 'New file: ', given, before)
  var path = spelling.Typed(typed, near)->substitute('/\+$', '', '')
  if path == ''
    return
  endif
  var kind = directory || typed =~ '/$' ? 'directory' : 'file'
  folders.Ask(folder, 'fs/make', spelling.Said({path: path})->extend({kind: kind}), (error, _) => {
    if !empty(error)
      messages.Error($'{typed} is not made: {error.message}')
      return
    endif
    directories.List(folder, listing.Parent(path))
    listing.Seek(folder, path)
    if kind == 'file'
      Open(folder, path, {at: win_getid()})
    else
      messages.Info($'{typed} made on {folder.host}')
    endif
  })
enddef

# Rename or move; `over`: over a file that is there.
export def Rename(given: string = '', over: bool = false)
  var [folder, node] = Meant()
  if !Writable(folder) || Nothing(node)
    return
  endif
  var from = node.path
  var to = spelling.Typed(Typed('Rename to: ', given, spelling.Shown(from)), from)->substitute('/\+$', '', '')
  if to == ''
    return
  endif
  var asked = spelling.Said({path: from, to: to})->extend(over ? {over: true} : {})
  folders.Ask(folder, 'fs/move', asked, (error, _) => {
    if !empty(error)
      messages.Error($'{spelling.Shown(from)} is not renamed: {error.message}')
      return
    endif
    messages.Info($'{spelling.Shown(from)} is {spelling.Shown(to)} on {folder.host} now')
    directories.Moved(folder, from, to)
    link.Later(() => documents.Moved(folder, from, to))
  })
enddef

# Remove, once the user has said so.
export def Remove()
  var [folder, node] = Meant()
  if !Writable(folder) || Nothing(node)
    return
  endif
  var name = spelling.Shown(node.path)
  var asked = spelling.Said({path: node.path})
  folders.Ask(folder, 'fs/remove', copy(asked), (error, _) => {
    if get(error, 'code', 0) != UNCONFIRMED
      Removed(folder, node.path, error)
      return
    endif
    var what = get(error, 'data', {}) ?? {}
    var entries = get(what, 'entries', 0)
    var with = get(what, 'type', '') != 'directory' ? ''
      : entries == 0 ? '/, which is empty,'
      : $'/ with {get(what, "more", false) ? "more than " : ""}{entries} {entries == 1 ? "name" : "names"} in it'
    question.Calmly($'Remove {name}{with} on {folder.host}?', ['Remove', 'Keep'], (answer) => {
      if answer == 'Remove'
        asked->extend({recursive: get(what, 'type', '') == 'directory', confirmed: true})
        folders.Ask(folder, 'fs/remove', asked, (fault, _) => Removed(folder, node.path, fault))
      endif
    })
  })
enddef

def Removed(folder: dict<any>, path: string, error: dict<any>)
  if empty(error)
    messages.Info($'{spelling.Shown(path)} removed on {folder.host}')
  else
    messages.Error($'{spelling.Shown(path)} is not removed: {error.message}')
  endif
  directories.List(folder, listing.Parent(path))
enddef

def Nothing(node: dict<any>): bool
  if empty(node)
    messages.Error('there is no file here: put the cursor on one')
  endif
  return empty(node)
enddef

# Looking

# Show the folder, with the cursor on the file in the current buffer.
export def Show()
  var folder = folders.Current()
  if !empty(folder)
    var [around, path] = folders.Around(bufname())
    window.Show(folder.buf, {})
    if around is folder
      listing.Reveal(folder, path)
    endif
  endif
enddef

export def Refresh()
  var folder = folders.Current()
  if !empty(folder)
    if folders.Trouble(folder) != ''
      messages.Error($'{folder.host}:{folder.path}: {folders.Trouble(folder)}; what is shown may be old')
    endif
    directories.Refresh(folder)
  endif
enddef

export def Find(query: string = '')
  var folder = folders.Current()
  if !empty(folder)
    find.Begin(folder, query)
  endif
enddef

export def Search(given: string = '', regex: bool = false)
  var folder = folders.Current()
  if empty(folder)
    return
  endif
  var query = Typed(regex ? 'Search for pattern: ' : 'Search for: ', given, '')
  if query != ''
    search.Begin(folder, query, regex)
  endif
enddef

export def Close()
  var folder = folders.Current()
  if !empty(folder)
    folders.Close(folder)
  endif
enddef

export def Help()
  echo "<CR> open, show or hide   o v t P  in a split, beside, in a tab page, in the window before   -  up   q  close\n"
    .. '%  new file   d  new folder   R  rename   D  remove   f  find a file   s  search   CTRL-L  refresh   g?  this'
enddef
