" What vim-lsp's function of the same file name makes of places in rbridge://HOST/PATH: see ../../lsp.vim. It reads a
" file that is not open for the line to show; one on a host is opened when somebody goes there.

if !exists('*lsp#utils#location#_lsp_to_vim_list')
  runtime autoload/lsp/utils/location.vim
endif

let s:List = funcref('lsp#utils#location#_lsp_to_vim_list')

function! lsp#utils#location#_lsp_to_vim_list(places) abort
  let l:result = []
  for l:place in type(a:places) == v:t_list ? a:places : empty(a:places) ? [] : [a:places]
    let l:uri = get(l:place, 'targetUri', get(l:place, 'uri', ''))
    if l:uri =~# '^rbridge://' && !bufloaded(lsp#utils#uri_to_path(l:uri))
      let l:range = has_key(l:place, 'targetUri') ? l:place.targetSelectionRange : l:place.range
      call add(l:result, {
        \ 'filename': lsp#utils#uri_to_path(l:uri), 'text': '',
        \ 'lnum': l:range.start.line + 1, 'col': l:range.start.character + 1,
        \ 'end_lnum': l:range.end.line + 1, 'end_col': l:range.end.character + 1,
        \ })
    else
      call extend(l:result, s:List(l:place))
    endif
  endfor
  return l:result
endfunction

function! rbridge#lsp#utils#location#Load() abort
endfunction
