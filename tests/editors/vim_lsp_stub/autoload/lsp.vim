" See plugin/lsp.vim.
let s:servers = {}

function! lsp#register_server(info) abort
  let s:servers[a:info.name] = {'info': a:info, 'buffers': {}}
endfunction

function! lsp#get_allowed_servers(...) abort
  let l:filetype = a:0 == 0 ? &filetype : type(a:1) == v:t_string ? a:1 : getbufvar(a:1, '&filetype')
  return filter(sort(keys(s:servers)), 'index(s:servers[v:val].info.allowlist, l:filetype) >= 0')
endfunction

function! lsp#activate() abort
  call lsp#ensure_flush_all(bufnr('%'), lsp#get_allowed_servers(bufnr('%')))
endfunction

function! lsp#ensure_flush_all(buf, names) abort
  if lsp#utils#is_remote_uri(expand('#' .. a:buf .. ':p'))
    return
  endif
  for l:server in map(copy(a:names), 's:servers[v:val]')
    if !has_key(l:server, 'job') || job_status(l:server.job) !=# 'run'
      let l:server.buffers = {}
      let l:server.job = job_start(l:server.info.cmd(l:server.info), {'mode': 'lsp'})
      call ch_evalexpr(l:server.job, {'method': 'initialize', 'params': {
        \ 'processId': getpid(), 'rootUri': l:server.info.root_uri(l:server.info), 'capabilities': {},
        \ 'initializationOptions': get(l:server.info, 'initialization_options', {})}})
      call ch_sendexpr(l:server.job, {'method': 'initialized', 'params': {}})
    endif
    let l:uri = lsp#utils#path_to_uri(fnamemodify(bufname(a:buf), ':p'))
    if !has_key(l:server.buffers, l:uri)
      let l:server.buffers[l:uri] = a:buf
      call ch_sendexpr(l:server.job, {'method': 'textDocument/didOpen', 'params': {'textDocument': {
        \ 'uri': l:uri, 'languageId': getbufvar(a:buf, '&filetype'), 'version': 1,
        \ 'text': join(getbufline(a:buf, 1, '$'), "\n") .. "\n"}}})
    endif
  endfor
endfunction

function! lsp#closed(buf) abort
  for l:server in values(s:servers)
    for l:uri in keys(filter(copy(l:server.buffers), 'v:val == a:buf'))
      call remove(l:server.buffers, l:uri)
      call ch_sendexpr(l:server.job, {'method': 'textDocument/didClose', 'params': {'textDocument': {'uri': l:uri}}})
    endfor
  endfor
endfunction

function! lsp#definition() abort
  let l:server = s:servers[lsp#get_allowed_servers(bufnr('%'))[0]]
  let l:found = ch_evalexpr(l:server.job, {'method': 'textDocument/definition', 'params': {
    \ 'textDocument': {'uri': lsp#utils#path_to_uri(fnamemodify(bufname('%'), ':p'))},
    \ 'position': {'line': line('.') - 1, 'character': col('.') - 1}}}).result[0]
  if lsp#utils#is_file_uri(l:found.uri)
    let l:place = lsp#utils#location#_lsp_to_vim_list(l:found)[0]
    execute 'edit' fnameescape(l:place.filename)
    call cursor(l:place.lnum, l:place.col)
  endif
endfunction
