" The interface of vim-lsp that the plug-in uses, for tests: servers are started for the buffers that may have them,
" hear of these, and :LspDefinition goes where the first one says.
let g:lsp_loaded = 1
augroup lsp
  autocmd!
  autocmd BufNewFile,BufReadPost * call lsp#activate()
  autocmd BufDelete,BufWipeout * call lsp#closed(str2nr(expand('<abuf>')))
augroup END
command LspDefinition call lsp#definition()
