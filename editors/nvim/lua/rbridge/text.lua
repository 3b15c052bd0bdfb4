-- Between a document's bytes and a buffer: each byte comes back as it came.
local M = {}

local BOM = '\239\187\191'
local LARGE, CHUNK = 4 * 1024 * 1024, 2 * 1024 * 1024 -- bytes; JSON may make six of one, a message has 16 MiB
local ENDS = { unix = '\n', dos = '\r\n', mac = '\r' }

-- The forms of a character beyond ASCII, without overlong ones and surrogates.
local FORMS = {
  '^[\194-\223][\128-\191]',
  '^\224[\160-\191][\128-\191]',
  '^[\225-\236\238\239][\128-\191][\128-\191]',
  '^\237[\128-\159][\128-\191]',
  '^\240[\144-\191][\128-\191][\128-\191]',
  '^[\241-\243][\128-\191][\128-\191][\128-\191]',
  '^\244[\128-\143][\128-\191][\128-\191]',
}

--- Where the character that begins at a byte ends; nil where none does.
function M.character(bytes, at)
  if bytes:byte(at) < 128 then
    return at
  end
  for _, form in ipairs(FORMS) do
    local stop = select(2, bytes:find(form, at))
    if stop then
      return stop
    end
  end
end

function M.is_utf8(bytes)
  local at = bytes:find('[\128-\255]')
  while at do
    local stop = M.character(bytes, at)
    if not stop then
      return false
    end
    at = bytes:find('[\128-\255]', stop + 1)
  end
  return true
end

--- The bytes of what a message carries.
function M.unpack(part)
  return part.text or vim.base64.decode(part.base64 or '')
end

--- The messages that carry these bytes: one, or the chunks of a large text.
function M.pack(bytes)
  local utf8 = M.is_utf8(bytes)
  local function carry(piece)
    return utf8 and { text = piece } or { base64 = vim.base64.encode(piece) }
  end
  if #bytes <= LARGE then
    return { carry(bytes) }
  end
  local parts, at = {}, 1
  while at <= #bytes do
    local stop = math.min(at + CHUNK - 1, #bytes)
    while utf8 and stop < #bytes and bytes:find('^[\128-\191]', stop + 1) do
      stop = stop - 1 -- not through a character
    end
    parts[#parts + 1] = carry(bytes:sub(at, stop))
    at = stop + 1
  end
  for number, part in ipairs(parts) do
    part.chunk, part.of = number - 1, #parts
  end
  return parts
end

--- How a buffer holds these bytes: `lines`, and the `options` that make them bytes again.
function M.decode(bytes)
  local options = { fileencoding = 'utf-8', fileformat = 'unix', bomb = false, endofline = true }
  if not M.is_utf8(bytes) then
    options.fileencoding = 'latin1' -- each byte a character: nothing is lost
    bytes = vim.iconv(bytes, 'latin1', 'utf-8')
  elseif bytes:sub(1, 3) == BOM then
    options.bomb = true
    bytes = bytes:sub(4)
  end
  if bytes == '' then
    return {}, options
  end
  local ends = select(2, bytes:gsub('\n', ''))
  if ends > 0 and ends == select(2, bytes:gsub('\r\n', '')) then
    options.fileformat = 'dos' -- every line ends so; else the CRs are part of the lines
  end
  local lines = vim.split(bytes, ENDS[options.fileformat], { plain = true })
  options.endofline = lines[#lines] == ''
  if options.endofline then
    lines[#lines] = nil
  end
  return lines, options
end

--- The bytes of a buffer, as its options say; nil and why where its encoding lacks a character of it.
function M.encode(buf)
  local options = vim.bo[buf]
  local empty = vim.api.nvim_buf_call(buf, vim.fn.wordcount).bytes == 0
  local line_end = ENDS[options.fileformat]
  local bytes = empty and ''
    or table.concat(vim.api.nvim_buf_get_lines(buf, 0, -1, true), line_end)
      .. (options.endofline and line_end or '')
  local encoding = options.fileencoding
  if encoding == '' or encoding == 'utf-8' then
    return (options.bomb and BOM or '') .. bytes
  end
  local converted = bytes == '' and '' or vim.iconv(bytes, 'utf-8', encoding)
  if not converted or (bytes ~= '' and vim.iconv(converted, encoding, 'utf-8') ~= bytes) then
    return nil, ('it has characters that %s lacks; :setlocal fileencoding=utf-8 changes that'):format(encoding)
  end
  return converted
end

--- Put bytes into a buffer, which is unmodified then. `first`: there is nothing to go back to.
--- Only lines that differ are touched: cursors and marks stay with their text.
function M.fill(buf, bytes, first)
  local lines, options = M.decode(bytes)
  local bo = vim.bo[buf]
  local readonly, modifiable, levels = bo.readonly, bo.modifiable, bo.undolevels
  bo.readonly, bo.modifiable = false, true
  if first then
    bo.undolevels = -1
  end
  local old = vim.api.nvim_buf_get_lines(buf, 0, -1, true)
  local from, upto = 0, 0
  if not first and #lines > 0 and table.concat(old) ~= '' then
    local least = math.min(#old, #lines)
    while from < least and old[from + 1] == lines[from + 1] do
      from = from + 1
    end
    while upto < least - from and old[#old - upto] == lines[#lines - upto] do
      upto = upto + 1
    end
  end
  function M.put()
    vim.api.nvim_buf_set_lines(buf, from, #old - upto, true, vim.list_slice(lines, from + 1, #lines - upto))
  end
  -- A text that comes for the first time moves no marks, and no entries of the quickfix list that led to it.
  vim.cmd((first and 'lockmarks ' or '') .. "lua require('rbridge.text').put()")
  M.put = nil
  for name, value in pairs(options) do
    bo[name] = value
  end
  bo.undolevels, bo.readonly, bo.modifiable = levels, readonly, modifiable
  bo.modified = false
end

return M
