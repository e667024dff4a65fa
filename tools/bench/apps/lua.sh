#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Tables, closures and strings in lua, with its incremental collector.
case $1 in
program)
	command -v lua5.4 || exit 77
	;;
prepare)
	cat >"$DATA/app.lua" <<'LUA'
local function tree(d)
	if d == 0 then return {} end
	return { tree(d - 1), tree(d - 1) }
end
local function count(t)
	return t[1] and 1 + count(t[1]) + count(t[2]) or 1
end
local n = 0
for i = 1, 100 do n = n + count(tree(12)) end
local parts, seen = {}, {}
for i = 1, 480000 do
	local s = "k" .. (i * 7919 % 10007)
	seen[s] = (seen[s] or 0) + 1
	parts[#parts + 1] = s:upper():rep(2)
end
local keys = {}
for k in pairs(seen) do keys[#keys + 1] = k end
table.sort(keys)
print(n, #table.concat(parts), #keys, keys[1], keys[#keys])
LUA
	;;
run)
	# shellcheck disable=SC2086 # $ALLOC is a command with arguments
	exec $ALLOC lua5.4 "$DATA/app.lua"
	;;
esac
