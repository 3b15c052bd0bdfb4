vim9script
# Registers go into the viminfo file when Vim ends: those that hold remote text are emptied before.

var yanked: dict<bool> # as a set: what was yanked or deleted in buffers of ours

def Content(name: string): string
  return getreg(name, 1, true)->join("\n")
enddef

export def Note(event: dict<any>)
  yanked[event.regcontents->join("\n")] = true
  if event.regname =~ '^\a$'
    yanked[Content(event.regname)] = true # "A appends to "a
  endif
enddef

export def Forget()
  for name in '0123456789-abcdefghijklmnopqrstuvwxyz'->split('\zs')
    if has_key(yanked, Content(name))
      setreg(name, [])
    endif
  endfor
enddef
