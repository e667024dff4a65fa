#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
#
# functions.py SEED COUNT: COUNT functions of C that make, link, read and free objects
# at random, in loops and out of them, and what each must return.  Each is run here
# first, on a model of the heap; one that would use what is freed is thrown away.
# Writes SEED.c and SEED.want in the current directory.
import random
import sys

POINTERS = 4
KINDS = ["new", "new", "copy", "store", "load", "free", "free", "null", "write",
         "read", "call", "link"]
TURNS = [(1, 0), (1, 0), (2, 0), (2, 1), (3, 1), (3, 2)]

# How each kind of statement is written; i is the turn.
TEXT = {
    "new": "{{ p{a} = malloc(sizeof(*p{a})); p{a}->next = NULL; p{a}->v = i + 7; }}",
    "copy": "p{a} = p{b};",
    "null": "p{a} = NULL;",
    "store": "{{ if (p{a}) p{a}->next = p{b}; }}",
    "link": "{{ if (p{a}) put(p{a}, p{b}); }}",
    "load": "p{a} = p{b} ? p{b}->next : NULL;",
    "free": "free(p{a});",
    "write": "{{ if (p{a}) p{a}->v = (p{a}->v * 3 + i) & 0xffff; }}",
    "read": "{{ if (p{a}) sum = sum * 31 + p{a}->v; }}",
    "call": "{{ if (p{a}) sum = sum * 31 + get(p{a}); }}",
}

HEAD = """#include <stdio.h>
#include <stdlib.h>
struct node { struct node *next; unsigned int v; };
__attribute__((noinline)) static unsigned int get(const struct node *n)
{ return n->v; }
__attribute__((noinline)) static void put(struct node *n, struct node *m)
{ n->next = m; }
"""


def run(ops, turns):
    """What the function returns, and what it reads at the end: all that is alive,
    by whatever pointer; or None if it uses what is freed."""
    heap, freed, p, total = [], set(), [None] * POINTERS, 0
    for i in range(turns or 1):
        for kind, a, b, (every, at) in ops:
            if i % every != at:
                continue
            used = [b] if kind == "load" else [a]
            if kind in ("store", "link"):
                used.append(b)
            if kind == "new":
                heap.append([None, i + 7])
                p[a] = len(heap) - 1
                continue
            if kind == "copy":
                p[a] = p[b]
                continue
            if kind == "null":
                p[a] = None
                continue
            if p[used[0]] is None:
                if kind == "load":
                    p[a] = None
                continue
            if any(p[u] in freed for u in used):
                return None
            if kind in ("store", "link"):
                heap[p[a]][0] = p[b]
            elif kind == "load":
                p[a] = heap[p[b]][0]
            elif kind == "free":
                freed.add(p[a])
            elif kind == "write":
                heap[p[a]][1] = (heap[p[a]][1] * 3 + i) & 0xffff
            else:
                total = (total * 31 + heap[p[a]][1]) & 0xffffffff
    alive = []
    for i in range(POINTERS):
        o, text = p[i], "p%d" % i
        for _ in range(4):
            if o is None or o in freed:
                break
            total = (total * 31 + heap[o][1]) & 0xffffffff
            alive.append(text + "->v")
            o, text = heap[o][0], text + "->next"
    return total, alive


def write(nr, ops, turns, alive):
    """The function as C."""
    lines = ["unsigned int f%d(void)" % nr, "{"]
    lines += ["\tstruct node *p%d = NULL;" % i for i in range(POINTERS)]
    lines += ["\tunsigned int sum = 0, i = 0;", ""]
    lines += ["\tfor (; i < %d; i++) {" % turns if turns else "\t{"]
    for kind, a, b, (every, at) in ops:
        when = "" if every == 1 else "if (i %% %d == %d) " % (every, at)
        lines.append("\t\t" + when + TEXT[kind].format(a=a, b=b))
    lines.append("\t}")
    lines += ["\tsum = sum * 31 + %s;" % v for v in alive]
    return "\n".join(lines + ["\treturn sum;", "}", ""])


def main():
    seed, count = sys.argv[1], int(sys.argv[2])
    random.seed(int(seed))
    code, want = [HEAD], []
    while len(want) < count:
        ops = [(random.choice(KINDS), random.randrange(POINTERS),
                random.randrange(POINTERS), random.choice(TURNS))
               for _ in range(random.randint(3, 14))]
        turns = random.choice([0, 1, 2, 3, 5])
        result = run(ops, turns)
        if result is None or all(op[0] != "new" for op in ops):
            continue
        code.append(write(len(want), ops, turns, result[1]))
        want.append(result[0])
    code.append("int main(void)\n{")
    code += ['\tprintf("%%u\\n", f%d());' % i for i in range(count)]
    code.append("\treturn 0;\n}\n")
    with open(seed + ".c", "w") as f:
        f.write("\n".join(code))
    with open(seed + ".want", "w") as f:
        f.writelines("%d\n" % w for w in want)


main()
