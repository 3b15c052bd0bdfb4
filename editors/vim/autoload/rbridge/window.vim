vim9script
# Where a buffer is shown.

import autoload './folders.vim'

# The user types into something else right now: keys must not land in a text that has just come.
export def Typing(): bool
  return mode() =~ "^[iRvVsS\<C-v>\<C-s>]"
enddef

# Whether a window may show another buffer without anything being lost or hidden that does not come back.
def Free(win: number): bool
  var buf = winbufnr(win)
  var kept = &hidden || !getbufvar(buf, '&modified') || len(win_findbuf(buf)) > 1
  var fixed = exists('+winfixbuf') && getwinvar(win, '&winfixbuf')
  var text = ['', 'acwrite']->index(getbufvar(buf, '&buftype')) >= 0
  return kept && !fixed && win_gettype(win) == '' && (text || !empty(folders.Of(buf)))
enddef

# Go to a window that may show another buffer: `at`, else the current one, else another here, those with a folder
# last. Where there is none, or it is to be a new one, that is split off.
export def Place(at: number = 0, anew: bool = false)
  var places = [win_getid()] + range(1, winnr('$'))->mapnew((_, number) => win_getid(number))
  places->filter((_, one) => Free(one))
  var texts = copy(places)->filter((_, one) => empty(folders.Of(winbufnr(one))))
  var place = anew ? 0 : at != 0 && Free(at) ? at : get(texts + places, 0, 0)
  if place != 0
    win_gotoid(place)
  else
    aboveleft split
  endif
enddef

# Show a buffer, as buffer/open says, and put the cursor where it says.
export def Show(buf: number, how: dict<any>)
  if get(how, 'diff', false)
    return # buffer/diff does
  endif
  var quiet = get(how, 'keepFocus', false) || Typing()
  var show = empty(folders.Of(buf)) ? 'buffer' : 'silent buffer' # how many lines it has says nothing
  var win = get(win_findbuf(buf)->sort((one, _) => win_id2tabwin(one)[0] == tabpagenr() ? -1 : 1), 0, 0)
  if win != 0
    if !quiet
      win_gotoid(win)
    endif
  elseif quiet
    var selects = mode() =~ "^[vV\<C-v>]"
    win_execute(win_getid(), $'noautocmd belowright split | {show} {buf}')
    win = win_findbuf(buf)[0]
    if selects # the split ended that
      normal! gv
    endif
  elseif get(how, 'newWindow', false)
    tab split
    execute show buf
    win = win_getid()
  else
    if get(how, 'split', '') != ''
      win_gotoid(how.at)
      execute how.split
    else # One that somebody waits for gets a window of its own: :q and :wq end it, and not the editor.
      Place(get(how, 'at', 0), get(how, 'wait', false))
    endif
    execute show buf
    win = win_getid()
  endif
  if get(how, 'line', 0) > 0
    win_execute(win, ["normal! m'", $'setcursorcharpos({how.line}, {max([get(how, "column", 1), 1])})', 'normal! zv'])
  endif
enddef

# Give a buffer another name.
export def Rename(buf: number, name: string)
  var old = bufname(buf)
  Within(buf, 'noautocmd keepalt file ' .. fnameescape(name))
  for left in getbufinfo()->filter((_, one) => one.name ==# old && one.bufnr != buf)
    execute 'bwipeout!' left.bufnr # Vim keeps the old name as a buffer
  endfor
enddef

# Carry out a command in a window of a buffer, or in one that is not seen.
export def Within(buf: number, command: string)
  var shown = win_findbuf(buf)
  var unseen = empty(shown) ? popup_create(buf, {hidden: true}) : 0
  win_execute(unseen ?? shown[0], command)
  popup_close(unseen)
enddef

# Show what was shown before wherever a buffer is.
export def Hide(buf: number)
  for win in win_findbuf(buf)
    var other = win_execute(win, 'echon bufnr("#")')->str2nr()
    var seen = other > 0 && other != buf && (buflisted(other) || !empty(folders.Of(other)))
    win_execute(win, seen ? $'buffer {other}' : 'enew')
  endfor
enddef

# The same, and wipe it.
export def Remove(buf: number)
  Hide(buf)
  if bufexists(buf)
    execute 'bwipeout!' buf
  endif
enddef

# Show another buffer wherever one is shown, and wipe that one.
export def Replace(buf: number, other: number)
  for win in win_findbuf(buf)
    win_execute(win, $'buffer {other}')
  endfor
  if bufexists(buf)
    execute 'bwipeout!' buf
  endif
enddef
