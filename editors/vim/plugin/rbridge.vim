if !has('vim9script') || v:version < 900
  " An older one has no word of its own for the user: the README has it.
  finish
endif

vim9script

import autoload 'rbridge/browse.vim'
import autoload 'rbridge/conflict.vim'
import autoload 'rbridge/search.vim'
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

# Folders of hosts. What needs a name asks for it where none is given.
command RbridgeFolder browse.Show()
command -nargs=? RbridgeFind browse.Find(<q-args>)
command -nargs=? -bang RbridgeSearch browse.Search(<q-args>, <bang>false)
command RbridgeStop search.Stop()
command -nargs=? RbridgeNewFile browse.Make(false, <q-args>)
command -nargs=? RbridgeNewFolder browse.Make(true, <q-args>)
command -nargs=? -bang RbridgeRename browse.Rename(<q-args>, <bang>false)
command RbridgeRemove browse.Remove()
command RbridgeRefresh browse.Refresh()
command RbridgeCloseFolder browse.Close()

# A Vim without a screen (a script) is no window to open files in.
if has('gui_running') || has('ttyout') && v:argv->index('-es') < 0
  if v:vim_did_enter
    rbridge.Start()
  else
    autocmd VimEnter * ++once rbridge.Start()
  endif
endif
