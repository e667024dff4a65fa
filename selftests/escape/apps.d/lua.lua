-- SPDX-License-Identifier: GPL-2.0-only
-- Strings, tables, closures, coroutines, errors, the collector, and the library, as
-- a program that prints what came of it.
local function sum(t)
	local s = 0
	for _, v in ipairs(t) do
		s = s + v
	end
	return s
end

local t = {}
for i = 1, 20000 do
	t[i] = (i * 7919) % 10007
end
table.sort(t)
print(sum(t), t[1], t[#t], #t)

local words = {}
for w in ("the quick brown fox jumps over the lazy dog "):rep(200):gmatch("%a+") do
	words[w] = (words[w] or 0) + 1
end
local names = {}
for w in pairs(words) do
	names[#names + 1] = w
end
table.sort(names)
for _, w in ipairs(names) do
	print(w, words[w])
end

local co = coroutine.wrap(function()
	local a, b = 0, 1
	while true do
		coroutine.yield(a)
		a, b = b, a + b
	end
end)
for _ = 1, 50 do
	io.write(co(), " ")
end
print()

for _, f in ipairs {
	function() error("plain") end,
	function() error({ code = 3 }) end,
	function() local x = nil; return x.y end,
	function() return 1 + {} end,
	function() return ("x"):rep(-1) .. nil end,
	function() string.format("%d", 1.5) end,
} do
	local ok, e = pcall(f)
	print(ok, type(e) == "table" and e.code or e:gsub("^.-:%d+: ", ""))
end

local weak = setmetatable({}, { __mode = "v" })
local closed = 0
for i = 1, 1000 do
	weak[i] = setmetatable({}, { __gc = function() closed = closed + 1 end })
end
collectgarbage()
collectgarbage()
print(closed, next(weak))

print(load("local a, b = ... ; return a .. b * 2")(1, 21))
print(string.pack("<i4z", 77, "abc"):byte(1, -1))
print(("%5.2f|%-8s|%x|%q"):format(3.14159, "left", 255, "a\nb"))
print(("hello world"):gsub("o", { o = "0" }), ("key = value"):match("^(%w+)%s*=%s*(%w+)$"))
print(utf8.char(228, 8364, 128512), utf8.len("äöü"), math.tointeger(3.0), 7 // 2, 7 % -3)
local f = assert(io.tmpfile())
f:write("one\ntwo\n3 4.5\n")
f:seek("set")
print(f:read("l", "L", "n", "n"))
f:close()
print(select("#", table.unpack({}, 1, 200)), tostring(nil), tostring(1e15), 2^53, 1 << 62)
do
	local log = {}
	do
		local a <close> = setmetatable({}, { __close = function() log[#log + 1] = "a" end })
		local b <close> = setmetatable({}, { __close = function() log[#log + 1] = "b" end })
	end
	print(table.concat(log))
end
