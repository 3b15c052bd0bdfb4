-- What is known of a folder's directories: each is asked for when it is shown, page by page.
--
-- A node is {raw, name, type, link, outside, dangling, open, items, note}: `raw` is its path below the root, `items`
-- are the nodes in it, nil before they came, `note` is a line for the user in their place or below them.
local link = require('rbridge.link')
local names = require('rbridge.names')

local M = {}

local MOST = 20000 -- entries of a directory that are shown
local OFTEN = 4 -- pages between two looks at a directory that has many
-- Not connected, not known to this daemon yet, no daemon: the view says it by itself.
local LOST = { [-32015] = true, [-32017] = true, [require('rbridge.rpc').LOST] = true }
local WAITING = '…'

function M.root()
  return { raw = '', name = '', type = 'directory', open = true }
end

--- Directories first; else in the host's order. A directory that was open before goes on.
local function merged(node, entries)
  local before, directories, others = {}, {}, {}
  for _, one in ipairs(node.items or {}) do
    before[one.raw] = one
  end
  for _, entry in ipairs(entries) do
    local raw = names.join(node.raw, names.raw(entry.name, entry.encoded))
    local one = before[raw]
    if not one or one.type ~= entry.type then
      one = { raw = raw, name = names.show(raw:match('[^/]*$')), type = entry.type }
    end
    one.link, one.outside, one.dangling = entry.link, entry.outside, entry.dangling
    table.insert(one.type == 'directory' and directories or others, one)
  end
  return vim.list_extend(directories, others)
end

--- List a directory, inside link.go. `draw` is called when there is something to see.
function M.load(folder, node, draw)
  if node.loading then
    node.again = true
    return
  end
  node.loading = true
  if not node.items then
    node.note = WAITING
    draw()
  end
  repeat
    node.again = false
    local fresh, entries, after, pages, err = node.items == nil, {}, nil, 0, nil
    repeat
      local page
      page, err = link.call('fs/list', names.say({ folder = folder.id }, { path = node.raw, after = after }))
      if page then
        vim.list_extend(entries, page.entries)
        after, pages = page.next and names.raw(page.next, page.encoded), pages + 1
        if fresh and after and pages % OFTEN == 1 then
          node.items = merged(node, entries)
          draw()
        end
      end
    until err or not after or #entries >= MOST
    if not err then
      node.items, node.note = merged(node, entries), nil
      if after then
        node.note = ('… %d are shown, there are more: :RbridgeFind'):format(#entries)
      end
    elseif LOST[err.code] then
      node.note = node.note ~= WAITING and node.note or nil -- what is shown stays
      node.again = false
    else
      node.items, node.note = nil, '! ' .. err.message
    end
    draw()
  until not node.again
  node.loading = nil
end

--- Call `visit` with each directory that is shown, the root first.
function M.each_open(node, visit)
  visit(node)
  for _, one in ipairs(node.items or {}) do
    if one.open then
      M.each_open(one, visit)
    end
  end
end

--- The node of a path, if it is known.
function M.find(node, raw)
  while node and node.raw ~= raw do
    local up = node
    node = nil
    for _, one in ipairs(up.items or {}) do
      if one.raw == raw or vim.startswith(raw, one.raw .. '/') then
        node = one
        break
      end
    end
  end
  return node
end

return M
