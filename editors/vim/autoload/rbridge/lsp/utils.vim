" What vim-lsp's functions of the same file name say of rbridge://HOST/PATH: see ../lsp.vim.

if !exists('*lsp#utils#path_to_uri')
  runtime autoload/lsp/utils.vim
endif

let s:ours = '^rbridge://'
let s:Remote = funcref('lsp#utils#is_remote_uri')
let s:File = funcref('lsp#utils#is_file_uri')
let s:Uri = funcref('lsp#utils#path_to_uri')
let s:Path = funcref('lsp#utils#uri_to_path')

function! lsp#utils#is_remote_uri(uri) abort
  return a:uri !~# s:ours && s:Remote(a:uri)
endfunction

function! lsp#utils#is_file_uri(uri) abort
  return a:uri =~# s:ours || s:File(a:uri)
endfunction

function! lsp#utils#path_to_uri(path) abort
  return a:path =~# s:ours ? rbridge#languages#Uri(a:path) : s:Uri(a:path)
endfunction

function! lsp#utils#uri_to_path(uri) abort
  return a:uri =~# s:ours ? rbridge#languages#Name(a:uri) : s:Path(a:uri)
endfunction

function! rbridge#lsp#utils#Load() abort
endfunction
