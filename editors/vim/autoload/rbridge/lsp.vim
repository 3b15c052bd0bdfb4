" vim-lsp and names of hosts' files. It keeps away from names with a scheme, and has servers by file type only: the
" functions of it that say so are wrapped here and in lsp/, for rbridge://HOST/PATH alone. Any other name goes
" on as it was, and no server of this machine gets a host's text. Vim lets a function lsp#NAME be given anew in a file
" of that name only.

if !exists('*lsp#get_allowed_servers')
  runtime autoload/lsp.vim
endif
call rbridge#lsp#utils#Load()
call rbridge#lsp#utils#location#Load()

let s:Allowed = funcref('lsp#get_allowed_servers')

function! lsp#get_allowed_servers(...) abort
  let l:buf = a:0 == 0 ? bufnr('%') : type(a:1) == v:t_number ? a:1 : -1
  if l:buf >= 0 && bufname(l:buf) =~# '^rbridge://'
    return copy(rbridge#languages#Names(l:buf))
  endif
  return filter(call(s:Allowed, a:000), 'v:val !~# "^rbridge:"')
endfunction

let s:registered = {}

" Have vim-lsp know a server, unless it does; returns its name. No file type has it: see lsp#get_allowed_servers().
function! rbridge#lsp#Register(name, command, root, options) abort
  if !has_key(s:registered, a:name)
    let s:registered[a:name] = 1
    call lsp#register_server({
      \ 'name': a:name,
      \ 'cmd': {_ -> a:command},
      \ 'allowlist': [],
      \ 'root_uri': {_ -> a:root},
      \ 'initialization_options': a:options,
      \ })
  endif
  return a:name
endfunction

" The servers of a buffer are known now.
function! rbridge#lsp#Activate(buf) abort
  if a:buf == bufnr('%')
    call lsp#activate()
  elseif bufwinid(a:buf) >= 0
    call win_execute(bufwinid(a:buf), 'call lsp#activate()')
  else
    call lsp#ensure_flush_all(a:buf, lsp#get_allowed_servers(a:buf))
  endif
endfunction
