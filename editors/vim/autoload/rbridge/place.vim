vim9script
# Where the daemon's socket lies. The same search as the daemon's own, and the same checks: a directory that
# is ours alone, a socket that is ours alone. Nothing is created.

# Vim knows modes, and no owners: the shell's test does.
const OURS = '[ -O "$1" ] && [ -O "$2" ] && { [ "$3" = closed ] || [ -k "${1%/*}" ]; }'

var uid = ''

# Find out who we are, then go on.
export def Know(Then: func)
  job_start(['id', '-u'], {out_cb: (_, line) => {
    uid = line
    Then()
  }})
enddef

def Bare(path: string): string
  return path->substitute('.\zs/\+$', '', '')
enddef

export def Candidates(): list<string>
  var given = getenv('RBRIDGE_RUNTIME_DIR') ?? ''
  if given != ''
    return [fnamemodify(given, ':p')->Bare()]
  endif
  var own = '/rbridge-' .. uid
  var xdg: string = getenv('XDG_RUNTIME_DIR') ?? ''
  var temporary: string = getenv('TMPDIR') ?? ''
  var home = $'{$HOME}/.rbridge/{hostname()->substitute("/", "_", "g")}/run'
  # Whether the first one is ours shows in rbridge's own directory there.
  return (xdg =~ '^/' && isdirectory(xdg) ? [Bare(xdg) .. '/rbridge'] : [])
    + ['/dev/shm' .. own, (temporary =~ '^/' ? Bare(temporary) : '/tmp') .. own, home]
enddef

# The sockets that may be a daemon's of ours, the likeliest first. See Ours().
export def Sockets(): list<string>
  return Candidates()
    ->filter((_, dir) => getftype(dir) == 'dir' && getfperm(dir) == 'rwx------' && filewritable(dir) == 2)
    ->mapnew((_, dir) => dir .. '/editor.sock')
    ->filter((_, path) => getftype(path) == 'socket' && getfperm(path)[3 :] == '------')
enddef

# Call Then(whether the socket and its directory are ours alone).
export def Ours(path: string, Then: func)
  var dir = fnamemodify(path, ':h')
  var above = getfperm(fnamemodify(dir, ':h'))[7] == 'w' ? 'open' : 'closed'
  job_start(['sh', '-c', OURS, 'sh', dir, path, above], {exit_cb: (_, code) => Then(code == 0)})
enddef
