# SPDX-License-Identifier: GPL-2.0-only
"""
gdb commands for coroutines of libshim-co, in a process or a core dump.

	(gdb) source hugearena-co.py
	(gdb) info coroutines
	(gdb) coroutine 0x7f0012345040 bt
	(gdb) coroutine all bt 3

Needs the symbol shim_co_inspect, no debugging information.  The stack of a
coroutine is shown below the frame that is innermost now: an unwinder tells gdb
that this frame was called by co_switch(), so that nothing is written and a core
dump does as well as a process.  A parked coroutine's stack is on the heap: it is
listed, and cannot be unwound here; 'hugearena co' can.  x86-64.
"""
import struct

import gdb
from gdb.unwinder import Unwinder

ORDERS = 17
PAGE = 4096
CO = 3                  # enum slot_state
PARKED = 0x08           # CO_PARKED
STATES = ["new", "suspended", "running", "resuming", "done"]


def read(addr, fmt):
    data = gdb.selected_inferior().read_memory(addr, struct.calcsize(fmt))
    return struct.unpack(fmt, data.tobytes())


class Coroutine:
    """A record, 64 bytes: libshim/co/co.h"""

    def __init__(self, addr, data):
        (_, where, self.slot, self.state, self.flags, _, self.tid, self.sp,
         _, self.queue, _, self.park) = struct.unpack("<QQBBBBIQQQQQ", data)
        self.addr = addr
        self.order = where & 0xff
        self.top = (where & ~(PAGE - 1)) + (1 << self.order)

    def state_name(self):
        if self.flags & PARKED:
            return "parked"
        return STATES[self.state] if self.state < len(STATES) else "?"

    def end(self):
        """Where the stack ends: the bytes of a parked one are on the heap."""
        if not self.flags & PARKED:
            return self.top
        live, = read(self.park + 8, "<Q")
        return self.park + 16 + live

    def stack_pointer(self):
        """Of a parked one, on the heap: frames that are found from their stack
        pointer, as those of optimised code are, are found there, too."""
        return self.end() - (self.top - self.sp)

    def name(self):
        end = self.end()
        text = gdb.selected_inferior().read_memory(end - NAME_AT, 24)
        return text.tobytes().split(b"\0")[0].decode("utf-8", "replace")


# struct co_top ends with the name, 24 bytes, and 8 of padding
NAME_AT = 32


def table():
    """(address of records, how many) of every area."""
    sym = gdb.parse_and_eval("(unsigned long)&shim_co_inspect")
    magic, layout, size, areas = read(int(sym), "<8sIIQ")
    if magic != b"shim-co\0" or layout != 1:
        raise gdb.GdbError("a libshim-co of another version")
    nr = read(areas, "<%dI" % ORDERS)
    first = areas + (4 * ORDERS + 7) // 8 * 8
    for order in range(ORDERS):
        for i in range(nr[order]):
            # struct area: base, bytes, records, slots, made
            at = first + (order * 48 + i) * size
            _, _, records, _, made = read(at, "<QQQQQ")
            yield records, made


def coroutines():
    memory = gdb.selected_inferior()
    for records, made in table():
        for start in range(0, made, 1024):
            n = min(1024, made - start)
            data = memory.read_memory(records + start * 64,
                                      n * 64).tobytes()
            for i in range(n):
                if data[i * 64 + 16] == CO:
                    yield Coroutine(records + (start + i) * 64,
                                    data[i * 64:i * 64 + 64])


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class ParkedFrames(Unwinder):
    """While a coroutine is looked at: the innermost frame was called by it."""

    def __init__(self):
        super().__init__("shim-co")
        self.co = None
        self.at = None

    def __call__(self, pending):
        if self.co is None:
            return None
        sp = pending.read_register("rsp")
        pc = pending.read_register("rip")
        if (int(sp), int(pc)) != self.at:
            return None
        # gdb takes a caller that lies deeper than its callee for corrupt: say
        # that this frame is where the coroutine's stack pointer is
        at = self.co.stack_pointer()
        here = gdb.Value(at).cast(gdb.lookup_type("unsigned long"))
        info = pending.create_unwind_info(FrameId(here, pc))
        # what co_switch() pushed
        saved = read(at, "<7Q")
        kind = gdb.lookup_type("unsigned long")
        for reg, value in zip(["r15", "r14", "r13", "r12", "rbx", "rbp",
                               "rip"], saved):
            info.add_saved_register(reg, gdb.Value(value).cast(kind))
        info.add_saved_register("rsp", gdb.Value(at + 56).cast(kind))
        return info


unwinder = ParkedFrames()
gdb.unwinder.register_unwinder(None, unwinder, replace=True)


class InfoCoroutines(gdb.Command):
    """List the coroutines of libshim-co."""

    def __init__(self):
        super().__init__("info coroutines", gdb.COMMAND_STACK)

    def invoke(self, arg, from_tty):
        for co in coroutines():
            print("0x%x %-24s %-10s thread %d" %
                  (co.addr, co.name() or "-", co.state_name(), co.tid))


class CoroutineCommand(gdb.Command):
    """coroutine ADDRESS|all COMMAND: run a gdb command in a coroutine's stack.

Frame 0 is the thread's own; the coroutine's begin with frame 1."""

    def __init__(self):
        super().__init__("coroutine", gdb.COMMAND_STACK)

    def invoke(self, arg, from_tty):
        words = arg.split(None, 1)
        if not words:
            raise gdb.GdbError("coroutine ADDRESS|all COMMAND")
        command = words[1] if len(words) > 1 else "backtrace"
        want = None if words[0] == "all" else int(gdb.parse_and_eval(words[0]))
        found = False
        for co in coroutines():
            if want is not None and co.addr != want:
                continue
            found = True
            print("0x%x %s, %s" % (co.addr, co.name() or "-", co.state_name()))
            if co.state_name() in ("new", "suspended", "parked"):
                self.run(co, command)
        if not found:
            raise gdb.GdbError("no such coroutine")

    def run(self, co, command):
        gdb.newest_frame().select()
        unwinder.at = (int(gdb.parse_and_eval("(unsigned long)$rsp")),
                       int(gdb.parse_and_eval("(unsigned long)$rip")))
        unwinder.co = co
        gdb.invalidate_cached_frames()
        try:
            gdb.execute(command)
        finally:
            unwinder.co = None
            gdb.invalidate_cached_frames()


InfoCoroutines()
CoroutineCommand()
