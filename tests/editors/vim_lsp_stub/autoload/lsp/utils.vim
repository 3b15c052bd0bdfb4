" See ../../plugin/lsp.vim.

function! lsp#utils#is_remote_uri(uri) abort
  return a:uri =~# '^[a-z][a-z0-9+.-]*://'
endfunction

function! lsp#utils#is_file_uri(uri) abort
  return stridx(a:uri, 'file:///') == 0
endfunction

function! lsp#utils#path_to_uri(path) abort
  return lsp#utils#is_remote_uri(a:path) ? a:path : 'file://' .. a:path
endfunction

function! lsp#utils#uri_to_path(uri) abort
  return a:uri[len('file://'):]
endfunction
