"""What editors must not do with a remote text: run what is written in it, and keep copies of it on the disk.
And what they must: show the host's new text where the user has changed nothing.

A guard acts on texts below FILES only, whatever the user's own settings are, and changes nothing for other
files in the same editor. Each is a function from a :class:`Site` to :class:`Measures`.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Site:
    """Where a guard stands: below *files* lie the texts, in *private* it may write, *argv* is the user's part
    of the editor's command line, program first."""

    files: Path
    private: Path
    argv: Sequence[str]
    environ: Mapping[str, str]


@dataclass(frozen=True)
class Measures:
    """*options* go right behind the program; *before* is a command to run to its end first."""

    options: Sequence[str] = ()
    before: Sequence[str] = ()
    added: Mapping[str, str] = field(default_factory=dict)


Guard = Callable[[Site], Measures]

# The lines before `if 1` are for a Vim without +eval (vim.tiny), which skips the rest. An autocommand holds
# where an option would not: a vimrc that sets modeline is read later than --cmd.
VIM = """\
set noexrc secure
augroup rbridge
  autocmd!
  autocmd BufReadPre,BufNewFile,BufWritePre {pattern} setlocal nomodeline noundofile noswapfile
  autocmd BufWritePre {pattern} set nobackup backupdir=. patchmode=
  autocmd VimLeavePre * set viminfo=
augroup END
if 1
  function! RbridgeBefore() abort
    let g:rbridge_kept = [&backup, &backupdir, &patchmode]
    set nobackup backupdir=. patchmode=
  endfunction
  function! RbridgeAfter() abort
    if exists('g:rbridge_kept')
      let [&backup, &backupdir, &patchmode] = g:rbridge_kept
      unlet g:rbridge_kept
    endif
  endfunction
  function! RbridgeLook(timer) abort
    if mode(1) ==# 'n' || mode(1) ==# 'i'
      for buffer in getbufinfo({'bufloaded': 1})
        if !buffer.changed && getbufvar(buffer.bufnr, 'rbridge', 0)
          execute 'silent! checktime' buffer.bufnr
        endif
      endfor
    endif
  endfunction
  if has('timers')
    call timer_start(1000, 'RbridgeLook', {'repeat': -1})
  endif
  augroup rbridge
    autocmd BufReadPre,BufNewFile {pattern} setlocal autoread | let b:rbridge = 1
    autocmd! BufWritePre
    autocmd BufWritePre * call RbridgeAfter()
    autocmd BufWritePre {pattern} setlocal noundofile | call RbridgeBefore()
    autocmd BufWritePost {pattern} call RbridgeAfter()
  augroup END
endif
"""

EMACS = """\
;; -*- lexical-binding: t -*-
(defvar rbridge-files nil "Directories below which texts are remote and not trusted.")
(add-to-list 'rbridge-files {files})
(defun rbridge-remote-p ()
  (let ((file buffer-file-name))
    (and file (let (found)
                (dolist (files rbridge-files found)
                  (when (string-prefix-p files file) (setq found t)))))))
(defun rbridge-distrust (function &rest arguments)
  "Call FUNCTION with ARGUMENTS, without local variables if the buffer is a remote text."
  (if (rbridge-remote-p)
      (let ((enable-local-variables nil)
            (local-enable-local-variables nil)
            (enable-local-eval nil)
            (enable-dir-local-variables nil))
        (apply function arguments))
    (apply function arguments)))
(dolist (function '(normal-mode hack-local-variables hack-dir-local-variables))
  (advice-add function :around #'rbridge-distrust))
(defun rbridge-keep-no-copy ()
  (when (rbridge-remote-p)
    (auto-save-mode -1)
    (setq-local auto-revert-verbose nil)
    (auto-revert-mode 1)
    (setq-local backup-inhibited t
                make-backup-files nil
                version-control 'never
                auto-save-default nil
                create-lockfiles nil)))
(add-hook 'find-file-hook #'rbridge-keep-no-copy 90)
(add-hook 'after-change-major-mode-hook #'rbridge-keep-no-copy 90)
"""

NANO = "\nunset backup\nunset historylog\nunset positionlog\n"


def vim(site: Site) -> Measures:
    """Vim, Neovim: no modelines, swap, undo and backup files; the history file is read but not written."""
    script = site.private / "guard.vim"
    script.write_text(
        VIM.replace("{pattern}", ",".join(f"{_vim_pattern(p)}/*" for p in _spellings(site.files)))
    )
    return Measures(["-n", "--cmd", f"source {_vim_escape(str(script))}"])


def emacs(site: Site) -> Measures:
    """An Emacs of its own: no file-local and directory-local variables, backups, auto-saves."""
    return Measures(["--eval", _emacs_load(site)])


def emacsclient(site: Site) -> Measures:
    """The same for an Emacs that runs already, or is started now, told before the text is opened."""
    words = list(site.argv)
    server = []
    for at, word in enumerate(words):
        if word in ("-s", "-f", "--socket-name", "--server-file"):
            server += words[at : at + 2]
        elif word.startswith(("--socket-name=", "--server-file=", "-s", "-f")):
            server.append(word)
    start = ["--alternate-editor="]
    return Measures(start, before=[words[0], *start, *server, "--eval", _emacs_load(site)])


def nano(site: Site) -> Measures:
    """GNU nano: the user's settings, without backups and history."""
    if sys.platform == "darwin" and site.argv[0] == "/usr/bin/nano":
        return Measures()  # which is pico and keeps nothing
    # as nano does: root's settings are those in root's home, whatever $HOME says
    said = site.environ.get("HOME") if os.geteuid() else ""
    home = Path(said or pwd.getpwuid(os.geteuid()).pw_dir)
    config = Path(site.environ.get("XDG_CONFIG_HOME") or home / ".config")
    prefix = Path(site.argv[0]).parent.parent
    system = [Path("/etc/nanorc")] if prefix == Path("/usr") else [prefix / "etc" / "nanorc"]
    user = [home / ".nanorc", config / "nano" / "nanorc"]
    read = b"\n".join(_content(next((f for f in files if f.is_file()), None)) for files in (system, user))
    settings = site.private / "nanorc"
    settings.write_bytes(read + NANO.encode())
    return Measures([f"--rcfile={settings}"])


def micro(site: Site) -> Measures:
    """micro: no backups, auto-saves, undo history, command history.

    It writes its settings back when it ends, those of its command line included, and keeps its copies of
    texts beside them: so it gets a directory of its own, with copies of the user's files and links to the
    rest.
    """
    home = Path(site.environ.get("HOME") or "~").expanduser()
    config = Path(site.environ.get("XDG_CONFIG_HOME") or home / ".config")
    theirs = Path(site.environ.get("MICRO_CONFIG_HOME") or config / "micro")
    ours = site.private / "micro"
    ours.mkdir()
    for name in ("settings.json", "bindings.json", "init.lua"):
        if (theirs / name).is_file():
            (ours / name).write_bytes(_content(theirs / name))
    for name in ("colorschemes", "syntax", "plug", "help", "runtime"):
        if (theirs / name).is_dir():
            (ours / name).symlink_to(os.path.realpath(theirs / name))
    wanted = ("autosave=0", "backup=false", "permbackup=false", "savecursor=false", "savehistory=false")
    return Measures([f"-config-dir={ours}", *(f"-{option}" for option in (*wanted, "saveundo=false"))])


def joe(site: Site) -> Measures:
    """joe: no backup, no DEADJOE, no state file."""
    return Measures(["-nobackups", "-nodeadjoe", "--joe_state"])


def nothing(site: Site) -> Measures:
    """An editor that neither runs what a text says nor keeps copies, or has no option against it."""
    return Measures()


def _spellings(files: Path) -> list[str]:
    """An editor may look at the path with its links resolved."""
    return sorted({str(files), os.path.realpath(files)})


def _vim_escape(path: str) -> str:
    return "".join("\\" + c if c in " \t\n*?[{`$\\%#'\"|!<" else c for c in path)


def _vim_pattern(path: str) -> str:
    return "".join("\\" + c if c in " *?{}[]\\,$" else c for c in path)


def _emacs_load(site: Site) -> str:
    script = site.private / "guard.el"
    lines = "\n".join(f"(add-to-list 'rbridge-files {elisp(p + '/')})" for p in _spellings(site.files))
    script.write_text(EMACS.replace("(add-to-list 'rbridge-files {files})", lines))
    return f"(load {elisp(str(script))} nil t t)"


def elisp(text: str) -> str:
    """*text* as a string of Emacs Lisp."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _content(file: Path | None) -> bytes:
    try:
        return file.read_bytes() if file else b""
    except OSError:
        return b""
