vim9script
# What is typed as a command or a search goes into the viminfo file when Vim ends: what was typed in our buffers,
# and may hold a host's text, is taken out before. The last pattern stays: Vim gives it back after each function and
# each event.

const KINDS = [':', '/', '=', '@']
var since: dict<number> # by kind, the number of the newest entry when a buffer of ours was entered; else empty
var typed: dict<dict<bool>> # by kind, what was added in our buffers, as a set

def Note()
  for [kind, newest] in items(since)
    for entry in range(newest + 1, histnr(kind))->mapnew((_, number) => histget(kind, number))
      if entry != ''
        typed[kind] = get(typed, kind, {})->extend({[entry]: true})
      endif
    endfor
  endfor
enddef

# Another buffer is the current one now.
export def Enter(ours: bool)
  Note()
  since = {}
  for kind in ours ? KINDS : []
    since[kind] = histnr(kind)
  endfor
enddef

export def Forget()
  Note()
  for [kind, entries] in items(typed)
    for entry in keys(entries)
      histdel(kind, '\C\V\^' .. escape(entry, '\') .. '\$')
    endfor
  endfor
enddef
