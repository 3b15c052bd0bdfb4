if !has('vim9script') || v:version < 900
  " An older one has no word of its own for the user: the README has it.
  finish
endif

vim9script

import autoload 'rbridge/conflict.vim'
import autoload 'rbridge.vim'

if exists('g:loaded_rbridge')
  finish
endif
g:loaded_rbridge = 1
if !has('channel') || !has('job') || !has('timers') || !has('popupwin')
  echomsg 'rbridge needs a Vim with channels, jobs, timers and pop-up windows'
  finish
endif

command RbridgeDiff conflict.Compare(bufnr())
command -nargs=1 -complete=custom,rbridge#conflict#Choices RbridgeResolve conflict.Resolve(bufnr(), <q-args>)

# A Vim without a screen (a script) is no window to open files in.
if has('gui_running') || has('ttyout') && v:argv->index('-es') < 0
  if v:vim_did_enter
    rbridge.Start()
  else
    autocmd VimEnter * ++once rbridge.Start()
  endif
endif
