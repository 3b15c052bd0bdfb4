vim9script
# Names in a folder: here they are the bytes that the host has, in messages as docs/attach.md says.

import autoload './text.vim'

# Whether a message says it percent-encoded: it has control characters, or is no UTF-8.
export def Odd(path: string): bool
  return path =~ '[[:cntrl:]]' || !text.IsUtf8(path)
enddef

export def Quoted(path: string): string
  return path->iconv('latin1', 'utf-8')->split('\zs')->map((_, byte) => {
    var number = char2nr(byte)
    return number < 0x20 || number > 0x7e || byte == '%' ? printf('%%%02X', number) : byte
  })->join('')
enddef

# The bytes of a name or path that a message says.
export def Plain(said: string, encoded: bool): string
  return !encoded ? said : said->substitute('%\(\x\x\)', (found) => text.Byte(str2nr(found[1], 16)), 'g')
enddef

# What a message says of these paths: all of them are encoded, or none.
export def Said(paths: dict<string>): dict<any>
  for path in values(paths)
    if Odd(path)
      return paths->mapnew((_, one): any => Quoted(one))->extend({encoded: true})
    endif
  endfor
  return paths->mapnew((_, one): any => one)
enddef

# The paths of a message that says several: `encoded` has those that are.
export def All(said: dict<any>): list<string>
  return get(said, 'paths', []) + get(said, 'encoded', [])->mapnew((_, path) => Plain(path, true))
enddef

# A path as the user reads and types it: on one line, and encoded where it has to be.
export def Shown(path: string): string
  return Odd(path) ? Quoted(path) : path
enddef

# The path that a user typed, who was shown `model`, or something beside it.
export def Typed(path: string, model: string): string
  return Plain(path, Odd(model))
enddef
