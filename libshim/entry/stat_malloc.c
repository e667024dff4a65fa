// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * stat_malloc: the reporting and tuning functions of the malloc family.
 *
 * Called by the application.
 */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "entry.h"
#include "stat.h"
#include "base/sys.h"

#define MXFAST_MAX	160	/* glibc refuses more: 80 * sizeof(size_t) / 4 */

#ifdef __GLIBC__	/* what follows exists only in glibc; musl has no such types */
#if !__GLIBC_PREREQ(2, 33)
struct mallinfo2 {
	size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks;
	size_t uordblks, fordblks, keepcost;
};

SHIM_EXPORT struct mallinfo2 mallinfo2(void);
#endif

SHIM_EXPORT struct mallinfo2 mallinfo2(void)
{
	struct mallinfo2 info = { 0 };
	struct shim_stat st;

	stat_get(&st);
	info.arena = st.heap.mapped;
	info.ordblks = st.central_spans;
	info.uordblks = st.allocated;
	info.fordblks = info.arena - info.uordblks;
	info.fsmblks = st.cache.bytes;
	info.keepcost = st.heap.free;
	return info;
}

static int clamp(size_t n)
{
	return n > INT_MAX ? INT_MAX : (int)n;
}

SHIM_EXPORT struct mallinfo mallinfo(void)
{
	struct mallinfo2 wide = mallinfo2();
	struct mallinfo info = { 0 };

	info.arena = clamp(wide.arena);
	info.ordblks = clamp(wide.ordblks);
	info.uordblks = clamp(wide.uordblks);
	info.fordblks = clamp(wide.fordblks);
	info.fsmblks = clamp(wide.fsmblks);
	info.keepcost = clamp(wide.keepcost);
	return info;
}
#endif /* __GLIBC__ */

static void print_class(FILE *f, unsigned int cls)
{
	struct transfer_stat t;
	struct central_stat c;

	transfer_get_stat(cls, &t);
	central_get_stat(cls, &c);
	if (!c.made)
		return;
	fprintf(f, "<sizeclass nr=\"%u\" size=\"%u\" spans=\"%zu\" "
		"free=\"%zu\" transfer=\"%zu\" cached=\"%zu\"/>\n",
		cls, sizeclass_info[cls].size, c.spans, c.free, t.objs,
		percpu_class_bytes(cls));
}

#ifndef __GLIBC__
SHIM_EXPORT int malloc_info(int options, FILE *f);
SHIM_EXPORT void malloc_stats(void);
SHIM_EXPORT int malloc_trim(size_t pad);
#endif

SHIM_EXPORT int malloc_info(int options, FILE *f)
{
	struct shim_stat st;
	unsigned int i;

	if (options)
		return EINVAL;
	stat_get(&st);
	fprintf(f, "<malloc version=\"shim-1\">\n<heap nr=\"0\">\n<sizes>\n");
	for (i = 1; i <= SIZECLASS_COUNT; i++)
		print_class(f, i);
	fprintf(f, "</sizes>\n</heap>\n");
	fprintf(f, "<system type=\"current\" size=\"%zu\"/>\n", st.heap.mapped);
	fprintf(f, "<aspace type=\"total\" size=\"%zu\"/>\n", st.heap.mapped);
	for (i = 0; stat_name(i); i++)
		fprintf(f, "<stat name=\"%s\" value=\"%zu\"/>\n", stat_name(i),
			(size_t)stat_value(&st, i));
	fprintf(f, "</malloc>\n");
	return 0;
}

/*
 * First what programs that read glibc's output expect, then all our numbers.
 * Written with the system call itself, which is no cancellation point, so that
 * a thread that is being cancelled prints everything, too.
 */
SHIM_EXPORT void malloc_stats(void)
{
	struct shim_stat st;
	char text[512];
	size_t system;
	int n;

	stat_get(&st);
	system = st.heap.inuse + st.heap.free;
	n = snprintf(text, sizeof(text), "Arena 0:\n"
		     "system bytes     = %10zu\nin use bytes     = %10zu\n"
		     "Total (incl. mmap):\n"
		     "system bytes     = %10zu\nin use bytes     = %10zu\n"
		     "max mmap regions = %10u\nmax mmap bytes   = %10u\n",
		     system, st.allocated, system, st.allocated, 0u, 0u);
	sys_call3(SYS_write, STDERR_FILENO, (long)text, n);
	stat_print();
}

SHIM_EXPORT int malloc_trim(size_t pad)
{
	percpu_squeeze();
	central_mesh_all();
	return large_reclaim(pad) != 0;
}

#ifdef __GLIBC__
/*
 * None of glibc's parameters exists here.  A known one is accepted, since it
 * only affects speed; an unknown one, or a value that glibc refuses, is
 * refused.
 */
SHIM_EXPORT int mallopt(int param, int value)
{
	switch (param) {
	case M_MXFAST:
		return value >= 0 && value <= MXFAST_MAX;
	case M_TRIM_THRESHOLD:
	case M_TOP_PAD:
	case M_MMAP_THRESHOLD:
	case M_MMAP_MAX:
	case M_CHECK_ACTION:
	case M_PERTURB:
	case M_ARENA_TEST:
	case M_ARENA_MAX:
		return 1;
	}
	return 0;
}

extern __typeof__(mallopt) __libc_mallopt ENTRY_ALIAS(mallopt);
/* deprecated, and so is its type: it must not be named again */
SHIM_EXPORT struct mallinfo __libc_mallinfo(void)
	__attribute__((alias("mallinfo"), nothrow, leaf));
#endif /* __GLIBC__ */
