vim9script
# A question in a pop-up window: nothing waits for the answer, and keys that were typed for the text do no harm.

import autoload './link.vim'
import autoload './messages.vim'

const PAUSE = 200 # ms until it is looked again whether the user may be asked

# Ask, with the cursor on the answer of that number (from 1); Then(the answer, or '' where it was dismissed).
export def Ask(message: string, answers: list<string>, chosen: number, Then: func)
  var lines = [message] + answers->mapnew((number, answer) => $'  {number + 1}: {answer}')
  var menu = popup_menu(lines, {
    title: ' rbridge ',
    maxwidth: &columns - 8,
    filter: (id, key) => Typed(id, key, len(answers)),
    callback: (_, line) => Then(get(answers, line - 2, '')),
  })
  win_execute(menu, $'normal! {chosen + 1}G')
enddef

# As Ask(), with the cursor on the last answer, and only where no key can be meant for a text: a question has the
# keys.
export def Calmly(message: string, answers: list<string>, Then: func, told: bool = false)
  if mode() == 'n'
    Ask(message, answers, len(answers), Then)
    return
  endif
  if !told
    messages.Warning('a question waits for the end of this mode')
  endif
  timer_start(PAUSE, (_) => link.Later(() => Calmly(message, answers, Then, true)))
enddef

# Digits choose at once, and the message is no answer.
def Typed(menu: number, key: string, count: number): bool
  if key =~ '^[1-9]$' && str2nr(key) <= count
    popup_close(menu, str2nr(key) + 1)
    return true
  endif
  var taken = popup_filter_menu(menu, key)
  if !empty(popup_getpos(menu)) && line('.', menu) == 1
    win_execute(menu, 'normal! 2G')
  endif
  return taken
enddef
