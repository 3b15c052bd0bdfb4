vim9script
# Where a buffer is shown.

# The user types into something else right now: keys must not land in a text that has just come.
def Typing(): bool
  return mode() =~ "^[iRvVsS\<C-v>\<C-s>]"
enddef

# Whether a window may show another buffer without anything being lost or hidden that does not come back.
def Free(win: number): bool
  var buf = winbufnr(win)
  var kept = &hidden || !getbufvar(buf, '&modified') || len(win_findbuf(buf)) > 1
  var fixed = exists('+winfixbuf') && getwinvar(win, '&winfixbuf')
  return kept && !fixed && win_gettype(win) == '' && ['', 'acwrite']->index(getbufvar(buf, '&buftype')) >= 0
enddef

# Show a buffer, as buffer/open says, and put the cursor where it says.
export def Show(buf: number, how: dict<any>)
  var quiet = get(how, 'keepFocus', false) || Typing()
  var win = get(win_findbuf(buf)->sort((one, _) => win_id2tabwin(one)[0] == tabpagenr() ? -1 : 1), 0, 0)
  if win != 0
    if !quiet
      win_gotoid(win)
    endif
  elseif quiet
    var selects = mode() =~ "^[vV\<C-v>]"
    win_execute(win_getid(), $'noautocmd belowright split | buffer {buf}')
    win = win_findbuf(buf)[0]
    if selects # the split ended that
      normal! gv
    endif
  elseif get(how, 'newWindow', false)
    tab split
    execute 'buffer' buf
    win = win_getid()
  else
    # One that somebody waits for gets a window of its own: :q and :wq end it, and not the editor.
    var places = [win_getid()] + range(1, winnr('$'))->mapnew((_, number) => win_getid(number))
    var place = get(how, 'wait', false) ? 0 : get(filter(places, (_, one) => Free(one)), 0, 0)
    if place != 0
      win_gotoid(place)
    else
      aboveleft split
    endif
    execute 'buffer' buf
    win = win_getid()
  endif
  if get(how, 'line', 0) > 0
    win_execute(win, ["normal! m'", $'setcursorcharpos({how.line}, {max([get(how, "column", 1), 1])})', 'normal! zv'])
  endif
enddef

# Carry out a command in a window of a buffer, or in one that is not seen.
export def Within(buf: number, command: string)
  var shown = win_findbuf(buf)
  var unseen = empty(shown) ? popup_create(buf, {hidden: true}) : 0
  win_execute(unseen ?? shown[0], command)
  popup_close(unseen)
enddef

# Show something else wherever a buffer is shown, and wipe it.
export def Remove(buf: number)
  for win in win_findbuf(buf)
    var other = win_execute(win, 'echon bufnr("#")')->str2nr()
    win_execute(win, other > 0 && other != buf && buflisted(other) ? $'buffer {other}' : 'enew')
  endfor
  if bufexists(buf)
    execute 'bwipeout!' buf
  endif
enddef
