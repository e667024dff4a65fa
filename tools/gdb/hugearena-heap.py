# SPDX-License-Identifier: GPL-2.0-only
"""
gdb commands and printers for the heap of libshim, in a process or a core dump.

	(gdb) source hugearena-heap.py
	(gdb) info heap
	(gdb) info spans [CLASS]
	(gdb) heap-object 0x7f0012345040
	(gdb) print *(struct span *)0x7f0012345000

Needs libshim's debugging information.  Nothing is called and nothing is written,
so that a core dump does as well as a process.  Objects in the caches of CPUs
count as allocated here; 'hugearena map' tells them apart.  Of an object that has
several slots of a span, sums count each: see libshim's base/compound.h.
"""
import gdb
import gdb.printing

PAGE_SHIFT = 13
AREA_SHIFT = 26
AREA_PAGES = 1 << (AREA_SHIFT - PAGE_SHIFT)
LARGE = 227
STATES = ["dead", "in use", "kept"]
OWNED = 4                       # of struct span.flags, SPAN_OWNED
ALIAS = 8                       # SPAN_ALIAS
COMPOUND = 32                   # of a small span, SPAN_COMPOUND
GRAIN_SHIFT = 4                 # bytes for each bit of struct area_map.tail


def address_bits():
    name = gdb.selected_inferior().architecture().name()
    return 48 if name.startswith("aarch64") else 47


def size_text(n):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n < 10240 or unit == "GiB":
            return "%d %s" % (n, unit)
        n //= 1024


def bitmap_has(span, i):
    return int(span["bitmap"][i // 64]) >> (i % 64) & 1


def object_size(span):
    sizes = gdb.parse_and_eval("sizeclass_info")
    return int(sizes[int(span["sizeclass"])]["size"])


def is_tail(area, span, n):
    """Is a slot of a small span part of the object before it?"""
    if not n or not int(span["flags"]) & COMPOUND or not int(area["tail"]):
        return False
    at = int(span["start"]) + n * object_size(span)
    bit = (at & ((1 << AREA_SHIFT) - 1)) >> GRAIN_SHIFT
    return bool(int(area["tail"][bit // 64]) >> (bit % 64) & 1)


def object_slots(area, span, n):
    """The first slot, and the one behind the last, of the object with a slot."""
    end = n + 1
    while is_tail(area, span, n):
        n -= 1
    while end < int(span["nobjs"]) and is_tail(area, span, end):
        end += 1
    return n, end


def stored_class(page):
    """What the page map has as the class of a page."""
    near = gdb.parse_and_eval("pagemap")
    where = int(near["near_class"]) + page
    if (int(near["near_end"]) - (page << PAGE_SHIFT)) >> 4 not in range(
            int(near["near_size"])):
        last = (1 << (address_bits() - AREA_SHIFT)) - 1
        where = int(near["root"][last - page // AREA_PAGES]) + page
    # both begin so far before the map that they may wrap, as C's addresses do
    where &= (1 << 64) - 1
    return gdb.selected_inferior().read_memory(where, 1).tobytes()[0]


def span_state(span):
    """Its state; of what a CPU keeps only the page map knows."""
    state = int(span["state"])
    if (state == STATES.index("in use") and int(span["sizeclass"]) == LARGE and
            not int(span["flags"]) & OWNED and
            not stored_class(int(span["start"]) >> PAGE_SHIFT)):
        return STATES.index("kept")
    return state


def span_text(span):
    start, pages = int(span["start"]), int(span["npages"])
    state = span_state(span)
    text = "%#x, %d pages, %s" % (start, pages, STATES[state]
                                  if state < len(STATES) else "?")
    if STATES[state:state + 1] != ["in use"]:
        return text
    if int(span["sizeclass"]) == LARGE:
        return text + ", one object of %d bytes" % int(span["bytes"])
    text += ", class %d: %d of %d objects of %d bytes free" % (
        int(span["sizeclass"]), int(span["nfree"]), int(span["nobjs"]),
        object_size(span))
    if int(span["flags"]) & COMPOUND:
        text += ", has compound objects"
    if int(span["flags"]) & ALIAS:
        text += ", has the memory of span %#x" % int(span["mesh"])
    return text


def areas():
    """Every area that the heap was ever in, from the lowest address up."""
    pagemap = gdb.parse_and_eval("pagemap")
    count, root = int(pagemap["count"]), pagemap["root"]
    kind = gdb.lookup_type("struct area_map").pointer()
    last = (1 << (address_bits() - AREA_SHIFT)) - 1
    for i in range(count - 1, -1, -1):
        entry = int(root[i])
        if entry:
            where = entry + (last - i) * AREA_PAGES
            yield (last - i) << AREA_SHIFT, gdb.Value(where).cast(kind)


def spans():
    """Every span that is there, as gdb.Value."""
    for start, area in areas():
        before = 0
        # read at once: a Value for each page is slow
        data = gdb.selected_inferior().read_memory(
            int(area["span"].address), AREA_PAGES * 8).cast("B").cast("Q")
        for i in range(AREA_PAGES):
            if data[i] and data[i] != before:
                before = data[i]
                kind = gdb.lookup_type("struct span").pointer()
                span = gdb.Value(before).cast(kind).dereference()
                # a descriptor that is used again begins elsewhere
                if int(span["start"]) == start + (i << PAGE_SHIFT):
                    yield span


class SpanPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return "span " + span_text(self.value)


class BlockPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        v = self.value
        return "block %#x, %s, %d pages used, %d free with memory%s" % (
            int(v["start"]), "2 MiB" if v["whole"] else "4 KiB pages",
            int(v["nused"]), int(v["nidle"]),
            ", stuck" if v["stuck"] else "")


class HeapPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        v = self.value
        return "heap: %s in %d spans, %s free with memory, %s mapped" % (
            size_text(int(v["inuse"]) << PAGE_SHIFT), int(v["spans"]),
            size_text(int(v["idle"]) << PAGE_SHIFT),
            size_text(int(v["mapped"])))


class InfoHeap(gdb.Command):
    """Sums of libshim's heap by size class."""

    def __init__(self):
        super().__init__("info heap", gdb.COMMAND_DATA)

    def invoke(self, arg, from_tty):
        print(HeapPrinter(gdb.parse_and_eval("ph")).to_string())
        sums, large, nr_large, kept = {}, 0, 0, 0
        for span in spans():
            if span_state(span) == STATES.index("kept"):
                kept += int(span["npages"]) << PAGE_SHIFT
            elif int(span["state"]) != STATES.index("in use"):
                continue
            elif int(span["sizeclass"]) == LARGE:
                large += int(span["bytes"])
                nr_large += 1
            elif int(span["flags"]) & ALIAS:
                continue        # its objects are in its survivor's counts
            else:
                s = sums.setdefault(object_size(span), [0, 0, 0])
                s[0] += 1
                s[1] += int(span["nobjs"]) - int(span["nfree"])
                s[2] += int(span["nfree"])
        print("%8s %8s %10s %10s" % ("SIZE", "SPANS", "OBJECTS", "FREE"))
        for size in sorted(sums):
            print("%8d %8d %10d %10d" % (size, *sums[size]))
        print("%8s %8d %10d %10s" % ("large", nr_large, nr_large, ""))
        total = large + sum(size * s[1] for size, s in sums.items())
        print("allocated, caches included: %d bytes; kept: %d" % (total, kept))


class InfoSpans(gdb.Command):
    """Every span of libshim's heap, or those of one size class."""

    def __init__(self):
        super().__init__("info spans", gdb.COMMAND_DATA)

    def invoke(self, arg, from_tty):
        for span in spans():
            if not arg or int(span["sizeclass"]) == int(arg, 0):
                print("%#x: %s" % (int(span.address), span_text(span)))


class HeapObject(gdb.Command):
    """The object of libshim's heap that an address is in."""

    def __init__(self):
        super().__init__("heap-object", gdb.COMMAND_DATA,
                         gdb.COMPLETE_EXPRESSION)

    def invoke(self, arg, from_tty):
        addr = int(gdb.parse_and_eval(arg))
        for start, area in areas():
            if start <= addr < start + (1 << AREA_SHIFT):
                break
        else:
            raise gdb.GdbError("%#x is not in libshim's heap" % addr)
        span = area["span"][(addr - start) >> PAGE_SHIFT]
        if not int(span):
            raise gdb.GdbError("%#x is in free pages" % addr)
        span = span.dereference()
        if span_state(span) != STATES.index("in use"):
            raise gdb.GdbError("%#x is in a span that is %s" % (
                addr, STATES[span_state(span)]))
        at, size = int(span["start"]), int(span["bytes"])
        free = False
        if int(span["sizeclass"]) != LARGE:
            size = object_size(span)
            n = (addr - at) // size
            if n >= int(span["nobjs"]):
                raise gdb.GdbError("%#x is behind the last object" % addr)
            n, end = object_slots(area, span, n)
            free = bool(bitmap_has(span, n)) if n < 512 else False
            at += n * size
            size *= end - n
        print("%#x: byte %d of an object of %d at %#x, %s" % (
            addr, addr - at, size, at,
            "free" if free else "allocated, or in a cache"))
        print("span %#x: %s" % (int(span.address), span_text(span)))


def register():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("hugearena")
    printers.add_printer("span", "^span$", SpanPrinter)
    printers.add_printer("block", "^block$", BlockPrinter)
    printers.add_printer("pageheap", "^pageheap$", HeapPrinter)
    gdb.printing.register_pretty_printer(None, printers, replace=True)
    InfoHeap()
    InfoSpans()
    HeapObject()


register()
