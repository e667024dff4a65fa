# SPDX-License-Identifier: GPL-2.0-only
"""
drgn helpers for hugearena.ko, in a kernel that runs or a crash dump.

	# drgn
	>>> exec(open("hugearena.py").read())
	>>> print_arenas(prog)
	>>> for index, block in blocks(next(arenas(prog))): ...

or, for the table alone,

	# drgn hugearena.py

Needs debugging information of the kernel and of hugearena.ko.  On a kernel that
runs, what is read changes meanwhile: no lock is held.
"""
import sys

from drgn import FaultError, cast
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.xarray import xa_for_each, xa_is_value

BLOCK_BYTES = 2 << 20
LEAVES = 8              # of 64 slots each


def arenas(prog, head=None):
    """Every arena, as struct ha_arena *."""
    if head is None:
        head = prog["ha_arenas"].address_of_()
    return list_for_each_entry("struct ha_arena", head, "all")


def arena_by_id(prog, number, head=None):
    """The arena of a line of /proc/hugearena/arenas, or None."""
    for arena in arenas(prog, head):
        if arena.id.value_() == number:
            return arena
    return None


def arena_count(arena, name):
    """A counter by its name in enum ha_arena_counter: HA_A_RESIDENT, say."""
    number = arena.prog_.constant(name).value_()
    return arena.count[number].counter.value_()


def blocks(arena):
    """(index, struct ha_block *) for each block; None where one was lost."""
    for index, entry in xa_for_each(arena.table.address_of_()):
        if xa_is_value(entry):
            yield index, None
        else:
            yield index, cast("struct ha_block *", entry)


def block_pages(block):
    """4 KiB pages that a block makes resident, those of its bases included."""
    n = 0
    while block:
        n += 512 if block.folio else block.nslots.value_()
        block = block.base
    return n


def block_slots(block):
    """Slots of a split block that have a page of their own."""
    for i in range(LEAVES):
        leaf = block.leaf[i]
        if not leaf:
            continue
        for k in range(64):
            # 1 is a hole over a base
            if leaf[k].value_() > 1:
                yield i * 64 + k


def block_state(block):
    """'whole', 'split', 'overlay' or 'lost'."""
    if block is None:
        return "lost"
    if block.folio:
        return "whole"
    return "overlay" if block.base else "split"


def arena_comm(arena):
    """The command name of its process, '?' if that is gone."""
    try:
        owner = arena.mm.owner
        return owner.comm.string_().decode() if owner else "?"
    except (AttributeError, FaultError):
        return "?"


def print_arenas(prog, head=None, file=sys.stdout):
    """A line for each arena, with what its table has."""
    print("%6s %-16s %-16s %10s %8s %8s %8s %8s" % (
        "ARENA", "COMMAND", "NAME", "SIZE", "WHOLE", "SPLIT", "SHARED",
        "PAGES"), file=file)
    for arena in arenas(prog, head):
        states = {"whole": 0, "split": 0, "overlay": 0, "lost": 0}
        shared = pages = 0
        for _, block in blocks(arena):
            states[block_state(block)] += 1
            if block is not None:
                shared += block.users.refs.counter.value_() > 1
                pages += block_pages(block)
        print("%6d %-16s %-16s %8d M %8d %8d %8d %8d" % (
            arena.id, arena_comm(arena), arena.name.string_().decode(),
            arena.nblocks.value_() * BLOCK_BYTES >> 20, states["whole"],
            states["split"] + states["overlay"], shared, pages), file=file)


if __name__ == "__main__" and "prog" in globals():
    print_arenas(prog)  # noqa: F821: drgn has it
