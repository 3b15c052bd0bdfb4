vim9script
# Two documents beside each other, with what differs: `rbridge diff A B` on their host.

import autoload './documents.vim'
import autoload './window.vim'

# The window with the right one, in a tab page that shows both as a diff already; 0 where there is none.
def Shown(left: number, right: number): number
  for tab in gettabinfo()
    var wins = copy(tab.windows)->filter((_, win) => !!gettabwinvar(tab.tabnr, win, '&diff', 0))
    var found = copy(wins)->filter((_, win) => winbufnr(win) == right)
    if !empty(found) && !wins->filter((_, win) => winbufnr(win) == left)->empty()
      return found[0]
    endif
  endfor
  return 0
enddef

# buffer/diff: in a tab page of its own, the right one in front; then Then(error, {}), an empty error being none.
export def Show(params: dict<any>, Then: func)
  var left = get(documents.All(), params.left, {})
  var right = get(documents.All(), params.right, {})
  if empty(left) || empty(right)
    Then({code: -32009, message: 'one of them is not here any more'}, {})
    return
  elseif &diffopt !~ '\<internal\>' || &diffexpr != ''
    Then({code: -32603, message: "without 'internal' in 'diffopt' the texts would get onto the disk"}, {})
    return
  endif
  var before = win_getid()
  var quiet = get(params, 'keepFocus', false) || window.Typing()
  var win = Shown(left.buf, right.buf)
  try
    if win == 0
      tab split
      if exists('+winfixbuf')
        setlocal nowinfixbuf
      endif
      execute 'buffer' left.buf
      diffthis
      rightbelow vertical split
      execute 'buffer' right.buf
      diffthis
      win = win_getid()
    endif
    win_gotoid(quiet ? before : win)
  catch
    Then({code: -32603, message: 'Vim: ' .. v:exception}, {})
    return
  endtry
  Then({}, {})
enddef
