vim9script
# base64, which Vim 9.0 does not have, between its text and lists of numbers. About 3 MB a second.

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'->split('\zs')
var values: list<number> = repeat([0], 128)
for [value, letter] in items(ALPHABET)
  values[char2nr(letter)] = value
endfor

export def Decode(coded: string): list<number>
  var letters = coded->str2list()
  var bytes: list<number>
  var [at, size] = [0, len(letters)]
  while at + 3 < size
    var four = (values[letters[at]] << 18) + (values[letters[at + 1]] << 12)
      + (values[letters[at + 2]] << 6) + values[letters[at + 3]]
    bytes->add(four >> 16)->add(and(four >> 8, 255))->add(and(four, 255))
    at += 4
  endwhile
  var padding = coded->matchstr('=*$')->strlen()
  return padding > 0 ? bytes[: -1 - padding] : bytes
enddef

export def Encode(bytes: list<number>): string
  var padding = (3 - len(bytes) % 3) % 3
  var padded = padding > 0 ? bytes + repeat([0], padding) : bytes
  var letters: list<string>
  var [at, size] = [0, len(padded)]
  while at < size
    var three = (padded[at] << 16) + (padded[at + 1] << 8) + padded[at + 2]
    letters->add(ALPHABET[three >> 18])->add(ALPHABET[and(three >> 12, 63)])
      ->add(ALPHABET[and(three >> 6, 63)])->add(ALPHABET[and(three, 63)])
    at += 3
  endwhile
  return (padding > 0 ? letters[: -1 - padding] + repeat(['='], padding) : letters)->join('')
enddef
