" See ../../../plugin/lsp.vim.

function! lsp#utils#location#_lsp_to_vim_list(places) abort
  let l:path = lsp#utils#uri_to_path(a:places.uri)
  let l:start = a:places.range.start
  let l:lines = bufloaded(l:path) ? getbufline(l:path, 1, '$') : readfile(l:path)
  return [{'filename': l:path, 'lnum': l:start.line + 1, 'col': l:start.character + 1, 'text': l:lines[l:start.line]}]
endfunction
