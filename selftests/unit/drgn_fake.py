# SPDX-License-Identifier: GPL-2.0-only
"""
The drgn helpers against memory whose content is known: the types are those of
hugearena.ko's debugging information, the structures are made here.

	python3 drgn_fake.py HUGEARENA_KO HUGEARENA_PY
"""
import io
import struct
import sys

import drgn

ko, helper = sys.argv[1:3]
prog = drgn.Program(drgn.host_platform)
prog.load_debug_info([ko])
memory = {}
BASE = 0xffff888000000000
top = BASE


def place(size):
    """Zeroed memory for a structure."""
    global top
    addr = top
    top += (size + 63) & ~63
    memory[addr] = bytearray(size)
    return addr


def offset(kind, name):
    where = prog.type(kind)
    n = 0
    for part in name.split("."):
        m = next(m for m in where.members if m.name == part)
        n += m.bit_offset // 8
        where = m.type
        while where.kind == drgn.TypeKind.TYPEDEF:
            where = where.type
    return n


def put(addr, kind, name, value, fmt="<Q", at=0):
    struct.pack_into(fmt, memory[addr], offset(kind, name) + at, value)


def make(kind):
    return place(prog.type(kind).size)


BLOCK, ARENA, NODE = "struct ha_block", "struct ha_arena", "struct xa_node"


def block(users=1, folio=0, nslots=0, base=0):
    b = make(BLOCK)
    put(b, BLOCK, "users.refs.counter", users, "<i")
    put(b, BLOCK, "folio", folio)
    put(b, BLOCK, "nslots", nslots, "<I")
    put(b, BLOCK, "base", base)
    return b


def arena(number, name, nblocks, entries):
    a = make(ARENA)
    put(a, ARENA, "id", number)
    put(a, ARENA, "nblocks", nblocks)
    n = offset(ARENA, "name")
    memory[a][n:n + len(name)] = name.encode()
    node = make(NODE)
    for i, entry in entries.items():
        put(node, NODE, "slots", entry, at=8 * i)
    # a node's address with the mark of an internal entry
    put(a, ARENA, "table.xa_head", node | 2)
    return a


whole = block(folio=0x1000)
shared = block(users=2, folio=0x2000)
split = block(nslots=3)
leaf = place(64 * 8)
for i, page in ((0, 0x3000), (5, 0x3040), (6, 1), (63, 0x3080)):
    struct.pack_into("<Q", memory[leaf], 8 * i, page)
put(split, BLOCK, "leaf", leaf, at=8 * 2)
over = block(nslots=2, base=shared)
LOST = 1                # xa_mk_value(0)

first = arena(7, "first", 64, {0: whole, 3: split, 9: LOST})
second = arena(8, "second", 32, {1: over, 2: shared})
head = place(16)
links = [head, first + offset(ARENA, "all"), second + offset(ARENA, "all")]
for i, link in enumerate(links):
    where = next(a for a in memory if a <= link < a + len(memory[a]))
    struct.pack_into("<QQ", memory[where], link - where,
                     links[(i + 1) % 3], links[i - 1])

image = bytearray(top - BASE)
for addr, data in memory.items():
    image[addr - BASE:addr - BASE + len(data)] = data
prog.add_memory_segment(BASE, len(image),
                        lambda address, count, at, physical:
                        bytes(image[at:at + count]), False)
names = {"__name__": "hugearena"}
exec(compile(open(helper).read(), helper, "exec"), names)
at = drgn.Object(prog, "struct list_head *", value=head)

found = list(names["arenas"](prog, at))
assert [a.id.value_() for a in found] == [7, 8], found
assert names["arena_by_id"](prog, 8, at).value_() == second
assert names["arena_by_id"](prog, 9, at) is None
table = dict(names["blocks"](found[0]))
assert sorted(table) == [0, 3, 9], table
state = names["block_state"]
assert [state(table[i]) for i in (0, 3, 9)] == ["whole", "split", "lost"]
assert names["block_pages"](table[0]) == 512
assert names["block_pages"](table[3]) == 3
assert list(names["block_slots"](table[3])) == [128, 133, 191]
table = dict(names["blocks"](found[1]))
assert state(table[1]) == "overlay"
assert names["block_pages"](table[1]) == 514
assert names["arena_count"](found[0], "HA_A_RESIDENT") == 0
text = io.StringIO()
names["print_arenas"](prog, at, text)
lines = text.getvalue().split("\n")
assert lines[1].split() == ["7", "?", "first", "128", "M", "1", "1", "0",
                            "515"], lines
assert lines[2].split() == ["8", "?", "second", "64", "M", "1", "1", "1",
                            "1026"], lines
print("drgn: ok")
