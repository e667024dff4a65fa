// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page heap against a naive model: a random walk of a million operations.
 *
 * The model knows for each span where it is and what it was filled with.  After
 * each operation: spans do not overlap (each carries its number in every page
 * and keeps it), are aligned as asked, read as zero where that was promised,
 * and what is in use adds up.  Every so often the heap checks its invariants.
 */
#include <stdlib.h>
#include <string.h>

#include "../lib/patience.h"

#include "base/conf.h"
#include "fake_backend.h"
#include "pageheap/pageheap.h"

#define OPERATIONS	1000000ul
#define SLOTS		1024u
#define VALID_EACH	1999ul
#define LOOK_EACH	13ul
#define TRIM_EACH	8009ul
#define LARGE		(2u * BLOCK_PAGES)

struct slot {
	struct span *s;
	uint64_t id;
};

static struct slot slots[SLOTS];
static uint64_t rng_state, ids;
static size_t model_pages, model_spans;

static uint32_t rng(uint32_t below)
{
	rng_state = rng_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(rng_state >> 33) % below;
}

static uint64_t *page_word(const struct span *s, size_t page)
{
	return (uint64_t *)(s->start + page * PAGE_SIZE);
}

/*
 * The first pages of a span carry its number; more pages would only take time.
 */
static void fill(const struct slot *t, size_t from)
{
	size_t i;

	for (i = from; i < t->s->npages && i < LARGE; i++) {
		page_word(t->s, i)[0] = t->id ^ i;
		page_word(t->s, i)[PAGE_SIZE / 8 - 1] = t->id ^ ~i;
	}
}

/* The first page that does not carry the span's number, or @upto. */
static size_t wrong_page(const struct slot *t, size_t upto)
{
	size_t i;

	for (i = 0; i < upto && i < LARGE; i++)
		if (page_word(t->s, i)[0] != (t->id ^ i) ||
		    page_word(t->s, i)[PAGE_SIZE / 8 - 1] != (t->id ^ ~i))
			return i;
	return upto;
}

static bool is_zero(const struct span *s, size_t from)
{
	size_t i;
	int k;

	for (i = from; i < s->npages; i += i < LARGE ? 1 : 61)
		for (k = 0; k < (int)(PAGE_SIZE / 8); k += 73)
			if (page_word(s, i)[k])
				return false;
	return true;
}

static size_t random_pages(void)
{
	uint32_t r = rng(100);

	if (r < 70)
		return 1 + rng(4);
	if (r < 90)
		return 1 + rng(32);
	if (r < 98)
		return 1 + rng(300);
	return 1 + rng(1200);
}

static size_t random_align(void)
{
	return rng(8) ? 1 : (size_t)1 << rng(11);
}

FIXTURE(walk)
{
};

FIXTURE_SETUP(walk)
{
	rng_state = 1;
}

FIXTURE_TEARDOWN(walk)
{
}

static void op_alloc(struct __test_metadata *_metadata, struct slot *t)
{
	size_t npages = random_pages(), align = random_align();

	t->s = pageheap_alloc(npages, align);
	ASSERT_NE(NULL, t->s);
	ASSERT_EQ(npages, t->s->npages);
	ASSERT_EQ(0, t->s->start % (align * PAGE_SIZE));
	ASSERT_EQ(SPAN_INUSE, t->s->state);
	if (t->s->flags & SPAN_ZERO)
		ASSERT_TRUE(is_zero(t->s, 0));
	t->id = ++ids * 0x9e3779b97f4a7c15ull;
	fill(t, 0);
	pagemap_set(t->s, npages > 4 ? PAGEMAP_LARGE : 7);
	ASSERT_EQ(t->s, pagemap_owner((void *)(t->s->start +
					       npages * PAGE_SIZE - 1)));
	model_pages += npages;
	model_spans++;
}

static void op_free(struct __test_metadata *_metadata, struct slot *t)
{
	ASSERT_EQ(t->s->npages, wrong_page(t, t->s->npages));
	model_pages -= t->s->npages;
	model_spans--;
	pagemap_clear(t->s);
	ASSERT_EQ(NULL, pagemap_owner((void *)t->s->start));
	pageheap_free(t->s);
	t->s = NULL;
}

static void op_resize(struct __test_metadata *_metadata, struct slot *t)
{
	size_t old = t->s->npages, npages = 1 + rng(2 * (uint32_t)old + 1);
	uintptr_t start = t->s->start;
	bool done;

	pagemap_clear(t->s);
	done = pageheap_resize(t->s, npages);
	ASSERT_EQ(start, t->s->start);
	ASSERT_EQ(done ? npages : old, t->s->npages);
	ASSERT_TRUE(done || npages > old);
	if (!done)
		done = pageheap_remap_grow(t->s, npages);
	ASSERT_EQ(done ? npages : old, t->s->npages);
	model_pages += t->s->npages - old;
	if (npages < old)
		old = npages;
	ASSERT_EQ(old, wrong_page(t, old));
	if (done && npages > old && t->s->flags & SPAN_ZERO)
		ASSERT_TRUE(is_zero(t->s, old));
	fill(t, old);
	pagemap_set(t->s, t->s->npages > 4 ? PAGEMAP_LARGE : 7);
}

static void check_sums(struct __test_metadata *_metadata)
{
	struct pageheap_stat st;
	size_t blocks = 0;
	int i;

	pageheap_get_stat(&st);
	ASSERT_EQ(model_pages * PAGE_SIZE, st.inuse);
	ASSERT_EQ(model_spans, st.spans);
	ASSERT_EQ(st.mapped, st.inuse + st.free + st.returned);
	ASSERT_EQ(fake.grown, st.mapped);
	for (i = 0; i < PAGEHEAP_FILL_BUCKETS; i++)
		blocks += st.fill[i];
	ASSERT_EQ(blocks, st.blocks);
	ASSERT_EQ(0, fake.bad);
	ASSERT_TRUE(pageheap_is_valid());
}

static void walk(struct __test_metadata *_metadata, unsigned long n)
{
	unsigned long op;
	size_t i;

	for (op = 0; op < n; op++) {
		struct slot *t = &slots[rng(SLOTS)];
		uint32_t r = rng(1000);

		if (!t->s)
			op_alloc(_metadata, t);
		else if (r < 300)
			op_resize(_metadata, t);
		else
			op_free(_metadata, t);
		if (op % TRIM_EACH == 0)
			pageheap_trim(rng(2) ? 0 : rng(1u << 28));
		/* ebb and flow, so that whole blocks become free */
		if (op % 100000 == 99999)
			for (i = 0; i < SLOTS; i++)
				if (slots[i].s && rng(10))
					op_free(_metadata, &slots[i]);
		if (op % LOOK_EACH == 0)
			pageheap_look(0);
		if (op % VALID_EACH == 0)
			check_sums(_metadata);
	}
	for (i = 0; i < SLOTS; i++)
		if (slots[i].s)
			op_free(_metadata, &slots[i]);
	pageheap_trim(0);
	check_sums(_metadata);
}

static void nothing_left(struct __test_metadata *_metadata)
{
	struct pageheap_stat st;

	pageheap_get_stat(&st);
	EXPECT_EQ(0, st.inuse);
	EXPECT_EQ(0, st.free);
	EXPECT_EQ(0, st.blocks);
	EXPECT_EQ(st.mapped, st.returned);
	EXPECT_LT(0, st.nr_split);
	EXPECT_LT(0, st.nr_remap);
}

TEST_F_TIMEOUT(walk, million, 1800)
{
	walk(_metadata, OPERATIONS);
	nothing_left(_metadata);
}

/* The address space comes in pieces that never touch. */
TEST_F_TIMEOUT(walk, pieces, 1800)
{
	rng_state = 2;
	fake.jump = true;
	walk(_metadata, OPERATIONS / 10);
	nothing_left(_metadata);
}

/*
 * The module's backend is the first: each fresh block may fail, and spans move
 * only near a limit.
 */
TEST_F_TIMEOUT(walk, other_backend, 1800)
{
	rng_state = 3;
	fake.first = BACKEND_KMOD;
	shim_conf.limit = (size_t)192 << 20;
	walk(_metadata, OPERATIONS / 10);
	nothing_left(_metadata);
}

/* Where address space is limited, spans begin in the rest of others' last blocks. */
TEST_F_TIMEOUT(walk, scarce, 1800)
{
	fake.scarce = true;
	rng_state = 4;
	walk(_metadata, OPERATIONS / 10);
	nothing_left(_metadata);
}

TEST_HARNESS_MAIN
