/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * probe: places where tracers can attach.
 *
 * Each is one nop in the code and an ELF note that tells bpftrace, perf and gdb
 * where the nop and the arguments are ("SystemTap" probes, version 3 of the
 * note).  Nothing runs there until a tracer attaches.  All belong to the
 * provider "libshim":
 *
 *   large_alloc    bytes, address      a large object was allocated
 *   large_free     bytes, address      and freed; 0 bytes if its CPU keeps it
 *   span_make      class, address      a span for objects of a class was made
 *   span_destroy   class, address      and given back
 *   cache_miss     class, kind         a CPU's cache was empty (1) or full (2)
 *   sample         bytes, record       a sample of the profile
 *
 * They are on paths that take many more instructions, never on the fast one of
 * small objects.
 */
#ifndef SHIM_PROBE_H
#define SHIM_PROBE_H

#include <stdint.h>

#if defined(__x86_64__) || defined(__aarch64__)
#if defined(__x86_64__)
#define PROBE_OPERAND	"nor"
#else
#define PROBE_OPERAND	"nr"	/* what readers know of its addresses is less */
#endif

/*
 * The note: lengths of name and content, its kind (3), "stapsdt"; then the
 * nop's address, none for a base and a semaphore, provider, name, arguments
 * as "SIZE@OPERAND".  Not loaded into memory.
 */
#define PROBE(name, a, b)						\
	__asm__ volatile("990:\tnop\n"					\
		"\t.pushsection .note.stapsdt,\"\",\"note\"\n"		\
		"\t.balign 4\n"						\
		"\t.4byte 992f-991f, 994f-993f, 3\n"			\
		"991:\t.asciz \"stapsdt\"\n"				\
		"992:\t.balign 4\n"					\
		"993:\t.8byte 990b, 0, 0\n"				\
		"\t.asciz \"libshim\"\n"				\
		"\t.asciz \"" #name "\"\n"				\
		"\t.asciz \"8@%0 8@%1\"\n"				\
		"994:\t.balign 4\n"					\
		"\t.popsection\n"					\
		: : PROBE_OPERAND((uint64_t)(a)),			\
		    PROBE_OPERAND((uint64_t)(b)))
#else
#define PROBE(name, a, b)	((void)(a), (void)(b))
#endif

#endif /* SHIM_PROBE_H */
