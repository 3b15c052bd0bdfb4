vim9script
# rbridge: files of remote hosts as buffers, with no file on this machine. See :help rbridge.

import autoload './rbridge/documents.vim'
import autoload './rbridge/history.vim'
import autoload './rbridge/messages.vim'
import autoload './rbridge/registers.vim'
import autoload './rbridge/search.vim'
import autoload './rbridge/session.vim'

# Begin to look for the daemon; plugin/rbridge.vim does this once there is a screen.
export def Start()
  if exists('#rbridge')
    return
  endif
  augroup rbridge
    autocmd BufReadCmd rbridge://* ++nested documents.Read(str2nr(expand('<abuf>')))
    autocmd BufWriteCmd rbridge://* ++nested documents.Write(str2nr(expand('<abuf>')), expand('<amatch>'))
    autocmd FileWriteCmd,FileAppendCmd rbridge://* {
        messages.Error('only a whole text can be written to its host: :w')
      }
    autocmd BufUnload rbridge://* documents.Unloaded(str2nr(expand('<abuf>')))
    autocmd BufFilePost * documents.Renamed(str2nr(expand('<abuf>')))
    autocmd QuitPre rbridge://* documents.Quitting(bufnr())
    autocmd WinClosed * documents.WindowClosed(winbufnr(str2nr(expand('<amatch>'))))
    autocmd BufEnter,FocusGained * documents.Focus(bufnr())
    autocmd BufEnter * history.Enter(documents.Status(bufnr()) != '' || search.Listed())
    autocmd FileType qf history.Enter(search.Listed()) # the first time it is entered before it is known
    autocmd TextYankPost rbridge://* registers.Note(v:event)
    autocmd TextYankPost * {
        if search.Listed()
          registers.Note(v:event)
        endif
      }
    autocmd VimLeavePre * {
        documents.Leave()
        registers.Forget()
        history.Forget()
      }
  augroup END
  # No marks and no names of ours in the viminfo file.
  if &viminfo != '' && &viminfo->split(',')->index('rrbridge://') < 0
    set viminfo+=rrbridge://
  endif
  session.Start()
enddef

# For a statusline: `gpu1: saved` and the like for the current buffer (or another), empty if it is not ours.
export def Status(buf: number = bufnr()): string
  return exists('#rbridge') ? documents.Status(buf) : ''
enddef
