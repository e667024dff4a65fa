// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * mark: from roots to everything that they reach.
 *
 * Mark bits are set with an atomic or: two markers may meet at an object, and
 * exactly one of them must queue it.  The bit is read first, since most
 * pointers lead to objects that are already marked.
 */
#include "mark_int.h"
#include "include/shim_gc.h"

/* Larger objects are scanned in parts, so that several markers share them. */
#define OBLET	((size_t)128 << 10)
/*
 * The queue of a marker that is somewhere in a binary tree has as many entries
 * as the tree has levels, and the oldest have most of the tree behind them.
 */
#define SHARE_MIN	8

static bool interior = true;
static bool far;		/* a displacement that has no bit; atomic */
/* How far into an object a pointer may lead without that: a bit for each. */
static uint64_t displaced = 1;	/* atomic */
static void (*scan_kind)(struct marker *m, const struct shim_gc_type *type,
			 uintptr_t p, size_t n);	/* atomic */

void mark_set_interior(bool on)
{
	__atomic_store_n(&interior,
			 on || __atomic_load_n(&far, __ATOMIC_RELAXED),
			 __ATOMIC_RELAXED);
}

void mark_add_displacement(size_t n)
{
	if (n < 64) {
		__atomic_or_fetch(&displaced, 1ull << n, __ATOMIC_RELAXED);
		return;
	}
	__atomic_store_n(&far, true, __ATOMIC_RELAXED);
	mark_set_interior(true);
}

static inline bool shade(struct marker *m, struct gcspan *s, unsigned int i)
{
	uint64_t bit = 1ull << (i % 64);
	uint64_t *word = &s->mark[i / 64];

	if (__atomic_load_n(word, __ATOMIC_RELAXED) & bit)
		return false;
	if (!(__atomic_load_n(&s->alloc[i / 64], __ATOMIC_RELAXED) & bit))
		return false;
	if (__atomic_fetch_or(word, bit, __ATOMIC_RELAXED) & bit)
		return false;
	m->bytes += s->bytes;
	m->objects++;
	if (s->kind == GC_SCAN)
		mark_push(m, gcspan_object(s, i), s->bytes);
	else if (s->kind == GC_TYPED)
		mark_push(m, gcspan_object(s, i), s->bytes | MARK_TYPED);
	return true;
}

/* always: most of a mark is this, in a loop over words */
static inline __attribute__((always_inline)) bool
shade_any(struct marker *m, uintptr_t p)
{
	struct gcspan *s = gcspan_of(p);
	unsigned int i;

	if (!s)
		return false;
	i = gcspan_index(s, p);
	if (i >= s->nobjs)
		return false;
	return shade(m, s, i);
}

bool mark_pointer(struct marker *m, uintptr_t p)
{
	return shade_any(m, p);
}

static inline void shade_exact(struct marker *m, uintptr_t p)
{
	struct gcspan *s = gcspan_of(p);
	unsigned int i;

	if (!s)
		return;
	i = gcspan_index(s, p);
	if (i >= s->nobjs)
		return;
	p -= gcspan_object(s, i);
	if (p < 64 && __atomic_load_n(&displaced, __ATOMIC_RELAXED) >> p & 1)
		shade(m, s, i);
}

static inline uintptr_t word_at(uintptr_t p)
{
	return __atomic_load_n((uintptr_t *)p, __ATOMIC_RELAXED);
}

void mark_range(struct marker *m, uintptr_t low, uintptr_t high)
{
	m->scanned += high - low;
	for (; low < high; low += sizeof(uintptr_t))
		shade_any(m, word_at(low));
}

void mark_stack(struct marker *m, uintptr_t low, uintptr_t high)
{
	uintptr_t p;

	m->scanned += high - low;
	for (; low < high; low += sizeof(uintptr_t)) {
		p = word_at(low);
		shade_any(m, p);
		shade_any(m, p - 1);
	}
}

void mark_found(struct marker *m, uintptr_t p)
{
	if (interior)
		shade_any(m, p);
	else
		shade_exact(m, p);
}

void mark_only(struct marker *m, uintptr_t p)
{
	size_t top = m->top;

	mark_pointer(m, p);
	m->top = top;
}

void mark_set_kinds(void (*fn)(struct marker *m,
			       const struct shim_gc_type *type, uintptr_t p,
			       size_t n))
{
	__atomic_store_n(&scan_kind, fn, __ATOMIC_RELEASE);
}

/* Words of an object. Whether they may point into the middle is a setting. */
static void scan_words(struct marker *m, uintptr_t low, uintptr_t high)
{
	/*
	 * The bounds may grow meanwhile.  What lies behind these is new, and so
	 * it is black.
	 */
	uintptr_t begin = __atomic_load_n(&gcmap_low, __ATOMIC_RELAXED);
	uintptr_t size = __atomic_load_n(&gcmap_high, __ATOMIC_RELAXED) - begin;
	uintptr_t p;

	if (__builtin_expect(interior, 1)) {
		for (; low < high; low += sizeof(uintptr_t)) {
			p = word_at(low);
			if (p - begin < size)
				shade_any(m, p);
		}
	} else {
		for (; low < high; low += sizeof(uintptr_t))
			shade_exact(m, word_at(low));
	}
}

void mark_words(struct marker *m, uintptr_t low, uintptr_t high)
{
	scan_words(m, low, high);
}

static void scan_typed(struct marker *m, uintptr_t p, size_t n)
{
	const struct shim_gc_type *type =
		(void *)word_at(p + n - sizeof(uintptr_t));
	size_t i, at, end = n - sizeof(uintptr_t);

	/*
	 * no type yet: the object is all zero, and its allocation has not
	 * returned
	 */
	if (!type)
		return;
	if (!type->size) {
		__atomic_load_n(&scan_kind, __ATOMIC_ACQUIRE)(m, type, p, end);
		return;
	}
	for (at = 0; at + type->size <= end; at += type->size) {
		for (i = 0; i < type->nr; i++)
			shade_any(m, word_at(p + at + type->offset[i]));
		if (!type->repeat)
			break;
	}
}

static void scan(struct marker *m, struct mark_entry e)
{
	size_t n = e.n & ~MARK_TYPED;

	m->scanned += n;
	if (e.n & MARK_TYPED)
		scan_typed(m, e.p, n);
	else
		scan_words(m, e.p, e.p + n);
}

void mark_children(struct marker *m, uintptr_t p, const struct gcspan *s)
{
	struct mark_entry e = { p, s->bytes };

	if (s->kind == GC_TYPED)
		e.n |= MARK_TYPED;
	else if (s->kind != GC_SCAN)
		return;
	scan(m, e);
}

/* Oblets, as in Go: the rest of a large object is work for other markers. */
static struct mark_entry pop(struct marker *m)
{
	struct mark_entry e = m->stack[--m->top];

	if (e.n > OBLET && !(e.n & MARK_TYPED)) {
		mark_push(m, e.p + OBLET, e.n - OBLET);
		e.n = OBLET;
	}
	return e;
}

/* One object leaves the line, another enters it. */
static bool next(struct marker *m, struct mark_entry *out)
{
	struct mark_entry e;

	while (m->count < MARK_LINE && m->top) {
		e = pop(m);
		__builtin_prefetch((void *)e.p);
		m->line[(m->first + m->count++) % MARK_LINE] = e;
	}
	if (!m->count)
		return false;
	*out = m->line[m->first];
	m->first = (m->first + 1) % MARK_LINE;
	m->count--;
	return true;
}

size_t mark_drain(struct marker *m, size_t budget)
{
	size_t before = m->scanned;
	struct mark_entry e;

	for (;;) {
		while (next(m, &e)) {
			scan(m, e);
			if (m->top >= SHARE_MIN && mark_is_hungry())
				mark_share_half(m);
			if (m->scanned - before >= budget)
				goto out;
		}
		if (!mark_take(m))
			break;
	}
out:
	/* objects that were being fetched are still grey */
	for (; m->count; m->count--) {
		mark_push(m, m->line[m->first].p, m->line[m->first].n);
		m->first = (m->first + 1) % MARK_LINE;
	}
	return m->scanned - before;
}

bool mark_is_marked(uintptr_t p)
{
	return !mark_is_due(p);
}

void mark_rescan(struct marker *m, struct gcspan *s)
{
	unsigned int i;

	if (s->kind != GC_SCAN && s->kind != GC_TYPED)
		return;
	for (i = 0; i < s->nobjs; i++)
		if (gcspan_bit(s->mark, i))
			mark_children(m, gcspan_object(s, i), s);
}
