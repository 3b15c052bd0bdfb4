"""What ``rbridge open --help`` says; read only when it is asked for."""

TEXT = """\
usage: {name} [options] [+LINE[:COL]] PATH...
       {name} [options] -

Opens files of this host in the editor on your laptop. Saves come back; what is
read from '-' is written to stdout when the editor has closed it. PATH may end
in :LINE or :LINE:COL. A directory is shown as a folder: 'rbridge open .'

what happens:
  -w, --wait            return when the editor has closed the files: 0 only if
                        the last save is on disk (--no-wait: the default)
  -l, --line LINE[:COL] put the cursor there; the n-th belongs to the n-th PATH
  -m, --name NAME       the name that the editor shows, likewise
  -t, --type TYPE       treat the file as TYPE, likewise
  -n, --new             open in a new window
  -r, --read-only       open for reading; saves are refused
  -f, --force           open although the file cannot be written
  -k, --keep-focus      do not bring the editor to the front
      --head N          the first N lines only, for reading
      --lines A:B       lines A to B only, for reading
      --follow          show the end of a log, read-only, and what comes after
      --large           open more than 256 MiB, or binary data above 16 MiB
      --sudo            as root, by sudo
      --else COMMAND    edit here with COMMAND when nothing is listening

where the editor is:
  -H, --host HOST       ask HOST; 'auto' is where you came from by ssh
  -p, --port PORT       the TCP port (52698)
  -s, --socket PATH     the Unix socket (also --unixsocket)
      --on LAPTOP       when several laptops are connected
      --via NODE        through NODE, where the tunnel is: ssh NODE goes there
      --timeout SECONDS how long to wait for an answer (10)

  -v, --verbose         say what is tried
  -h, --help            show this
      --version         show the version

exit status: 0 done, 64 usage, 65 protocol, 66 no such file, 69 nothing is
listening, 73 cannot create, 74 a save was lost, 75 try again, 77 permission
"""
