vim9script
# One line for the user.

# What is longer than a line is cut where that ends, and whole in :messages: it must not ask for a key.
def Show(said: string, highlight: string)
  var message = 'rbridge: ' .. said->substitute('[[:cntrl:]]', ' ', 'g')
  redraw # one that is due would clear the line again
  execute 'echohl' highlight
  echomsg message
  if strdisplaywidth(message) > v:echospace
    redraw # takes away what does not fit, and that a key is waited for
    var room = v:echospace - 1
    echo message->split('\zs')->reduce((cut, letter) => {
      return strdisplaywidth(cut .. letter) <= room ? cut .. letter : cut
    }, '') .. '…'
  endif
  echohl None
enddef

export def Info(message: string)
  Show(message, 'None')
enddef

export def Warning(message: string)
  Show(message, 'WarningMsg')
enddef

# Not by :echoerr: that would show where in this plug-in it was raised.
export def Error(message: string)
  v:errmsg = 'rbridge: ' .. message
  Show(message, 'ErrorMsg')
enddef
