vim9script
# Between a document's text and a buffer: each byte comes back as it came.
#
# A content is {text, latin1}: with latin1 each character of `text` is a byte, else `text` is the UTF-8 itself.
# NUL, which no string of Vim's can hold, is rpc.NUL in it.

import autoload './base64.vim'
import './rpc.vim'

const BOM = "\xef\xbb\xbf"
# Bytes of a message: what a socket takes at once, so that Vim does not hang where the daemon does.
const CHUNK = 65536
const ENDS = {unix: "\n", dos: "\r\n", mac: "\r"}

# The string that is this one byte.
export def Byte(number: number): string
  return nr2char(number)->iconv('utf-8', 'latin1')
enddef

# What Vim takes for UTF-8 and others do not: overlong forms, surrogates, numbers too large. First byte, second.
const NEVER = ["\xc0", "\xc1"] + range(0xf5, 0xff)->mapnew((_, number) => Byte(number))
const NEVER_AFTER = {
  "\xe0": range(0x80, 0x9f)->mapnew((_, number) => "\xe0" .. Byte(number)),
  "\xed": range(0xa0, 0xbf)->mapnew((_, number) => "\xed" .. Byte(number)),
  "\xf0": range(0x80, 0x8f)->mapnew((_, number) => "\xf0" .. Byte(number)),
  "\xf4": range(0x90, 0xbf)->mapnew((_, number) => "\xf4" .. Byte(number)),
}

def Holds(text: string, any_of: list<string>): bool
  for one in any_of
    if stridx(text, one) >= 0
      return true
    endif
  endfor
  return false
enddef

# Whether it is UTF-8 as everybody reads it, but for rpc.NUL.
export def IsUtf8(marked: string): bool
  var text = stridx(marked, rpc.NUL) < 0 ? marked : marked->split(rpc.NUL, true)->join("\n")
  if json_encode(text)->json_decode() !=# text || Holds(text, NEVER)
    return false
  endif
  for [first, pairs] in items(NEVER_AFTER)
    if stridx(text, first) >= 0 && Holds(text, pairs)
      return false
    endif
  endfor
  return true
enddef

# The bytes of a string as characters, one each.
def AsLatin1(text: string): string
  return text->split(rpc.NUL, true)->map((_, part) => part->iconv('latin1', 'utf-8'))->join(rpc.NUL)
enddef

# The content of what a message carries.
export def Unpack(part: dict<any>): dict<any>
  if has_key(part, 'text')
    return {text: part.text, latin1: false}
  endif
  var bytes: list<number> = base64.Decode(part.base64)
  if index(bytes, 0) >= 0
    bytes->map((_, byte) => byte ?? 0xd800)
  endif
  return {text: bytes->list2str(true), latin1: true}
enddef

# The content of a text that came in parts.
export def Join(parts: list<dict<any>>): dict<any>
  var latin1 = parts->copy()->filter((_, part) => part.latin1)->len() > 0
  var texts = parts->mapnew((_, part) => part.latin1 == latin1 ? part.text : AsLatin1(part.text))
  return {text: texts->join(''), latin1: latin1}
enddef

# Cut between characters. By halves: a string of Vim's is copied whole wherever it is used.
def Cut(text: string): list<string>
  if strlen(text) <= CHUNK
    return [text]
  endif
  var half = strlen(text) / 2
  for byte in strpart(text, half, 3)->iconv('latin1', 'utf-8')
    if byte !~ '[\x80-\xbf]'
      break
    endif
    half += 1
  endfor
  return Cut(strpart(text, 0, half)) + Cut(strpart(text, half))
enddef

# The messages that carry a content: one, or the chunks of a large text.
export def Pack(content: dict<any>): list<dict<any>>
  var texts = Cut(content.text)
  if !content.latin1 && !texts->copy()->filter((_, text) => !IsUtf8(text))->empty()
    return Pack({text: AsLatin1(content.text), latin1: true})
  endif
  var parts = texts->mapnew((_, text): dict<any> => {
    if !content.latin1
      return {text: text}
    endif
    var bytes = str2list(text)
    if stridx(text, rpc.NUL) >= 0
      bytes->map((_, byte) => byte == 0xd800 ? 0 : byte)
    endif
    return {base64: base64.Encode(bytes)}
  })
  return len(parts) == 1 ? parts : parts->map((number, part) => part->extend({chunk: number, of: len(parts)}))
enddef

# How a buffer holds a content: its lines, and the options that make it a content again.
def Decode(content: dict<any>): list<any>
  var options: dict<any> = {fileencoding: content.latin1 ? 'latin1' : 'utf-8', fileformat: 'unix', bomb: 0, endofline: 1}
  var text: string = content.text
  if !content.latin1 && strpart(text, 0, 3) ==# BOM
    options.bomb = 1
    text = strpart(text, 3)
  endif
  if text == ''
    return [[], options]
  endif
  var ends = count(text, "\n")
  if ends > 0 && ends == count(text, "\r\n")
    options.fileformat = 'dos' # every line ends so; else the CRs are part of the lines
  endif
  var lines = text->split(ENDS[options.fileformat], true)
  if lines[-1] == ''
    remove(lines, -1)
  else
    options.endofline = 0
  endif
  if stridx(text, rpc.NUL) >= 0
    lines->map((_, line) => line->split(rpc.NUL, true)->join("\n"))
  endif
  return [lines, options]
enddef

# The content of the current buffer, as its options say, and why there is none: its encoding lacks a character.
export def Encode(): list<any>
  var lines = getline(1, '$')
  var line_end: string = ENDS[&fileformat]
  var text = lines->join("\n")
  if count(text, "\n") >= len(lines)
    lines->map((_, line) => line->split("\n", true)->join(rpc.NUL))
    text = lines->join("\n")
  endif
  if &fileformat != 'unix'
    text = lines->join(line_end)
  endif
  if &endofline && (text != '' || wordcount().bytes > 0)
    text ..= line_end
  endif
  var encoding = &fileencoding
  if encoding == '' || encoding == 'utf-8'
    return [{text: (&bomb ? BOM : '') .. text, latin1: false}, '']
  elseif encoding == 'latin1' && text !~ '[^\x01-\xff\ud800]'
    return [{text: text, latin1: true}, '']
  endif
  var bytes = text->iconv('utf-8', encoding)
  if encoding != 'latin1' && bytes->iconv(encoding, 'utf-8') ==# text
    return [{text: AsLatin1(bytes), latin1: true}, '']
  endif
  return [{}, $'it has characters that {encoding} lacks; :setlocal fileencoding=utf-8 changes that']
enddef

# Put a content into a buffer, which is unmodified then. `first`: there is nothing to go back to.
export def Fill(buf: number, content: dict<any>, first: bool)
  var [lines: list<string>, options: dict<any>] = Decode(content)
  var kept: dict<any> = {readonly: 0, modifiable: 1, undolevels: -1}
  if !first
    remove(kept, 'undolevels')
  endif
  for [name, value] in items(kept)
    var before = getbufvar(buf, '&' .. name)
    setbufvar(buf, '&' .. name, value)
    kept[name] = before
  endfor
  Lay(buf, lines, first)
  for [name, value] in items(options) + items(kept) + [['modified', 0]]
    setbufvar(buf, '&' .. name, value)
  endfor
enddef

# Let a buffer have these lines. Only those that differ are touched (`anew`: all are): cursors and marks stay
# with their text.
export def Lay(buf: number, lines: list<string>, anew: bool = false)
  var old = getbufline(buf, 1, '$')
  var [from, upto] = [0, 0]
  var least = anew || old == [''] ? 0 : min([len(old), len(lines)])
  while from < least && old[from] ==# lines[from]
    from += 1
  endwhile
  while upto < least - from && old[-1 - upto] ==# lines[-1 - upto]
    upto += 1
  endwhile
  var [gone, new] = [len(old) - from - upto, len(lines) - from - upto]
  var both = min([gone, new])
  if both > 0
    setbufline(buf, from + 1, lines[from : from + both - 1])
  endif
  if new > gone
    appendbufline(buf, from + both, lines[from + both : from + new - 1])
  elseif gone > new
    deletebufline(buf, from + both + 1, from + gone)
  endif
enddef
