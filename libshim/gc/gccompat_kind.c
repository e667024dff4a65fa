// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gccompat_kind: objects whose pointers the program describes or finds itself,
 * and roots that it pushes itself, as with libgc.
 *
 * An object of a kind of the program's is a typed one: its last word points to
 * the type that the kind begins with, whose size is 0, so that mark calls
 * scan_kind().  What libgc's procedures take for the top of a mark stack is our
 * marker, which they pass on to GC_mark_and_push().
 *
 * A procedure may rely on what its program's threads have, or on data that other
 * threads would change meanwhile.  So from the first on collections stop the
 * world, and the thread that collects marks alone.
 *
 * mark and cycle know scan_kind() and push_others() from tables.
 *
 * Called by the application.
 */
#include <string.h>

#pragma GCC visibility push(default)
#include "compat/gc/gc.h"
#include "compat/gc/gc_inline.h"
#include "compat/gc/gc_mark.h"
#pragma GCC visibility pop

#include "cycle.h"
#include "gcalloc.h"
#include "gclog.h"
#include "gcmeta.h"
#include "include/shim_gc.h"
#include "mark.h"
#include "roots.h"

/* libgc's own: without pointers, with, and both of what is never collected. */
enum {
	KIND_DATA,
	KIND_SCAN,
	KIND_SCAN_KEPT,
	KIND_DATA_KEPT,
	KINDS_FIRST,
	KINDS_MAX = 32		/* libgc has 16 */
};

/* libgc has a list for each 16 bytes up to 2 KiB. */
#define FREE_LISTS	129
#define MANY		32

/**
 * struct kind - a kind of the program's
 * @type: what its objects point to, of size 0
 * @descr: where their pointers are
 * @adds_size: their size is added to that
 */
struct kind {
	struct shim_gc_type type;
	GC_word descr;
	bool adds_size;
};

GC_push_other_roots_proc GC_push_other_roots;

/* Once filled in, an entry does not change. */
static struct kind kinds[KINDS_MAX];
static unsigned int nkinds = KINDS_FIRST;		/* atomic */
static GC_mark_proc procs[GC_MAX_MARK_PROCS];		/* atomic */
static unsigned int nprocs = GC_RESERVED_MARK_PROCS;	/* atomic */
static struct marker *pushing;	/* while GC_push_other_roots() runs */

static GC_mark_proc proc_of(GC_word descr)
{
	return __atomic_load_n(&procs[(descr >> GC_DS_TAG_BITS) %
				      GC_MAX_MARK_PROCS], __ATOMIC_ACQUIRE);
}

static void scan_bits(struct marker *m, uintptr_t p, size_t n, GC_word bits)
{
	for (; bits && n >= sizeof(p); n -= sizeof(p), p += sizeof(p)) {
		if (bits >> (GC_WORDSZ - 1))
			mark_words(m, p, p + sizeof(p));
		bits <<= 1;
	}
}

static void scan_by_proc(struct marker *m, uintptr_t p, GC_word descr)
{
	GC_mark_proc proc = proc_of(descr);

	if (!proc)
		gclog_die("object %p: no mark procedure: descriptor %#lx",
			  (void *)p, descr);
	/* they are told that there is room */
	proc((GC_word *)p, (struct GC_ms_entry *)m,
	     (struct GC_ms_entry *)(m + 1),
	     descr >> (GC_DS_TAG_BITS + GC_LOG_MAX_MARK_PROCS));
}

/* The descriptor that an object has; none, so no pointers, until it is filled in. */
static GC_word own_descr(uintptr_t p, size_t n, GC_word descr)
{
	GC_signed_word at = (GC_signed_word)(descr & ~(GC_word)GC_DS_TAGS);
	uintptr_t first = *(uintptr_t *)p;

	if (at < 0)
		return first ? *(GC_word *)(first - (GC_word)at -
					    GC_INDIR_PER_OBJ_BIAS) : 0;
	if ((size_t)at + sizeof(descr) > n)
		return GC_DS_PER_OBJECT;
	return *(GC_word *)(p + (size_t)at);
}

/* An object of @n bytes. */
static void scan_kind(struct marker *m, const struct shim_gc_type *type,
		      uintptr_t p, size_t n)
{
	const struct kind *k = (const struct kind *)type;
	GC_word descr = k->descr + (k->adds_size ? n : 0);

	if ((descr & GC_DS_TAGS) == GC_DS_PER_OBJECT)
		descr = own_descr(p, n, descr);
	switch (descr & GC_DS_TAGS) {
	case GC_DS_LENGTH:
		mark_words(m, p, p + (n < descr ? n : descr) / 8 * 8);
		break;
	case GC_DS_BITMAP:
		scan_bits(m, p, n, descr & ~(GC_word)GC_DS_TAGS);
		break;
	case GC_DS_PROC:
		scan_by_proc(m, p, descr);
		break;
	default:
		gclog_die("object %p: not a mark descriptor: %#lx", (void *)p,
			  descr);
	}
}

unsigned int GC_new_proc(GC_mark_proc proc)
{
	unsigned int i;

	GC_init();
	cycle_stay_stopped();
	i = __atomic_fetch_add(&nprocs, 1, __ATOMIC_RELAXED);
	if (i >= GC_MAX_MARK_PROCS)
		gclog_die("%s: more than %d mark procedures", __func__,
			  GC_MAX_MARK_PROCS - GC_RESERVED_MARK_PROCS);
	__atomic_store_n(&procs[i], proc, __ATOMIC_RELEASE);
	return i;
}

/* Free objects are in spans of ours: these lists stay empty. */
void **GC_new_free_list(void)
{
	void **list = gcmeta_alloc(FREE_LISTS * sizeof(*list));

	if (!list)
		gclog_die("%s: no memory", __func__);
	return list;
}

/* Objects are always cleared. */
unsigned int GC_new_kind(void **free_list, GC_word descriptor, int add_size,
			 int clear)
{
	unsigned int i;

	(void)free_list;
	(void)clear;
	GC_init();
	if ((descriptor & GC_DS_TAGS) == GC_DS_PROC &&
	    (add_size || !proc_of(descriptor)))
		gclog_die("%s: no mark procedure: descriptor %#lx", __func__,
			  descriptor);
	mark_set_kinds(scan_kind);
	i = __atomic_fetch_add(&nkinds, 1, __ATOMIC_RELAXED);
	if (i >= KINDS_MAX)
		gclog_die("%s: more than %d kinds", __func__,
			  KINDS_MAX - KINDS_FIRST);
	kinds[i].descr = descriptor;
	kinds[i].adds_size = add_size;
	return i;
}

void *GC_generic_malloc(size_t size, int kind)
{
	void *p;

	switch (kind) {
	case KIND_DATA:
		return GC_malloc_atomic(size);
	case KIND_SCAN:
		return GC_malloc(size);
	case KIND_SCAN_KEPT:
		return GC_malloc_uncollectable(size);
	case KIND_DATA_KEPT:
		return GC_malloc_atomic_uncollectable(size);
	}
	if (kind < 0 ||
	    (unsigned int)kind >= __atomic_load_n(&nkinds, __ATOMIC_RELAXED))
		gclog_die("%s: there is no kind %d", __func__, kind);
	p = gcalloc_typed(size, &kinds[kind].type);
	return p ? p : GC_get_oom_fn()(size);
}

/*
 * All are kept by the array until the last one is made: not every kind has its
 * first word looked at.
 */
void GC_generic_malloc_many(size_t size, int kind, void **list)
{
	void *volatile p[MANY];
	void *head = NULL;
	unsigned int n;

	if (size < sizeof(head))
		size = sizeof(head);
	for (n = 0; n < MANY; n++) {
		p[n] = GC_generic_malloc(size, kind);
		if (!p[n])
			break;
	}
	while (n--) {
		GC_NEXT(p[n]) = head;
		head = p[n];
	}
	*list = head;
}

struct GC_ms_entry *GC_mark_and_push(void *obj, struct GC_ms_entry *top,
				     struct GC_ms_entry *limit, void **src)
{
	(void)limit;
	(void)src;
	mark_found((struct marker *)top, (uintptr_t)obj);
	return top;
}

void GC_set_push_other_roots(GC_push_other_roots_proc fn)
{
	GC_init();
	__atomic_store_n(&GC_push_other_roots, fn, __ATOMIC_RELEASE);
}

GC_push_other_roots_proc GC_get_push_other_roots(void)
{
	return __atomic_load_n(&GC_push_other_roots, __ATOMIC_ACQUIRE);
}

static void push_others(struct marker *m)
{
	GC_push_other_roots_proc fn = GC_get_push_other_roots();

	if (!fn)
		return;
	pushing = m;
	fn();
	pushing = NULL;
}

/* A program may set the variable without a call. */
static __attribute__((constructor)) void know(void)
{
	cycle_on_roots(push_others);
}

static struct marker *pusher(const char *who)
{
	if (!pushing)
		gclog_die("%s: only for GC_push_other_roots()", who);
	return pushing;
}

void GC_push_all(void *bottom, void *top)
{
	struct marker *m = pusher("GC_push_all");
	uintptr_t low = ((uintptr_t)bottom + 7) & ~(uintptr_t)7;
	uintptr_t high = (uintptr_t)top & ~(uintptr_t)7;

	if (low >= high)
		return;
	roots_count(high - low);
	mark_range(m, low, high);
}

/* Nobody knows what was written to of these. */
void GC_push_conditional(void *bottom, void *top, int all)
{
	(void)all;
	GC_push_all(bottom, top);
}

void GC_set_mark_bit(const void *p)
{
	mark_only(pusher("GC_set_mark_bit"), (uintptr_t)p);
}
