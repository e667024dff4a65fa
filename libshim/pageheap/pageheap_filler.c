// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pageheap_filler: partly used blocks, found by what is free in them.
 *
 * Keeps true: a block is on the list of its bucket, and a bucket's bit is set
 * exactly when its list is not empty; a second level has a bit for each word of
 * these bits.  So a search is two find-first-set operations.  Age lists are
 * first in, first out: at the head is the block whose number of idle pages has
 * been unchanged for the longest time.
 *
 * Protected by ph.lock.  Called by pageheap_block.c and pageheap.c.
 */
#include "pageheap_int.h"

static enum filler_id filler_of(const struct block *b)
{
	return b->whole ? FILLER_WHOLE : FILLER_PAGES;
}

static unsigned int bucket_of(const struct block *b)
{
	return filler_bucket(b->longest, b->nused);
}

/**
 * filler_insert - make a block available
 * @b: a PART block with free pages, on no filler
 */
void filler_insert(struct block *b)
{
	enum filler_id id = filler_of(b);
	struct filler *f = &ph.filler[id];
	unsigned int i = bucket_of(b);
	uint64_t bit = 1ULL << (i % 64);

	b->bucket = (uint16_t)i;
	b->prev = NULL;
	b->next = f->nonempty[i / 64] & bit ? ph_lists.fill[id][i] : NULL;
	if (b->next)
		b->next->prev = b;
	ph_lists.fill[id][i] = b;
	f->nonempty[i / 64] |= bit;
	f->words |= 1ULL << (i / 64);
}

/**
 * filler_remove - make a block unavailable
 * @b: a PART block, on a filler or not
 */
void filler_remove(struct block *b)
{
	enum filler_id id = filler_of(b);
	struct filler *f = &ph.filler[id];
	unsigned int i = b->bucket;

	if (i == FILLER_NOWHERE)
		return;
	b->bucket = FILLER_NOWHERE;
	if (b->next)
		b->next->prev = b->prev;
	if (b->prev) {
		b->prev->next = b->next;
		return;
	}
	ph_lists.fill[id][i] = b->next;
	if (b->next)
		return;
	f->nonempty[i / 64] &= ~(1ULL << (i % 64));
	if (!f->nonempty[i / 64])
		f->words &= ~(1ULL << (i / 64));
}

/**
 * filler_update - move a block to the bucket for its free pages
 * @b: a PART block whose @nused or @longest changed
 */
void filler_update(struct block *b)
{
	if (b->longest && bucket_of(b) == b->bucket)
		return;
	filler_remove(b);
	if (b->longest)
		filler_insert(b);
}

/**
 * filler_find - the best block with a free run
 * @id: the filler
 * @n: pages in a row, 1 to BLOCK_PAGES
 *
 * Return: the block, still on the filler, or NULL.
 */
struct block *filler_find(enum filler_id id, unsigned int n)
{
	struct filler *f = &ph.filler[id];
	unsigned int i = n * FILLER_STEPS, k = i / 64;
	uint64_t x = f->nonempty[k] & (~0ULL << (i % 64));

	if (!x) {
		uint64_t words = k == 63 ? 0 : f->words & (~0ULL << (k + 1));

		if (!words)
			return NULL;
		k = (unsigned int)__builtin_ctzll(words);
		x = f->nonempty[k];
	}
	return ph_lists.fill[id][k * 64 + (unsigned int)__builtin_ctzll(x)];
}

/* In how many blocks to look for one of this node: those of 512 MiB. */
#define NODE_LOOKS	256u

/* The first block of this node in the buckets of a word of bits. */
static struct block *find_in(enum filler_id id, unsigned int k, uint64_t bits,
			     unsigned int node, unsigned int *looks)
{
	struct block *b;

	for (; bits; bits &= bits - 1) {
		b = ph_lists.fill[id][k * 64 + (unsigned int)__builtin_ctzll(bits)];
		for (; b && *looks; b = b->next, --*looks)
			if (b->node == node)
				return b;
	}
	return NULL;
}

/**
 * filler_find_near - the best block with a free run on this thread's node
 * @id: the filler
 * @n: pages in a row, 1 to BLOCK_PAGES
 *
 * Return: the block, still on the filler, or NULL.
 */
struct block *filler_find_near(enum filler_id id, unsigned int n)
{
	const struct filler *f = &ph.filler[id];
	unsigned int i = n * FILLER_STEPS, k = i / 64, node = node_here();
	unsigned int looks = NODE_LOOKS;
	uint64_t bits = f->nonempty[k] & (~0ULL << (i % 64));
	uint64_t words = k == 63 ? 0 : f->words & (~0ULL << (k + 1));
	struct block *b;

	if (!node_matters())
		return filler_find(id, n);
	for (;;) {
		b = find_in(id, k, bits, node, &looks);
		if (b || !words || !looks)
			return b;
		k = (unsigned int)__builtin_ctzll(words);
		words &= words - 1;
		bits = f->nonempty[k];
	}
}

/**
 * age_remove - take a block off its age list
 * @b: a PART block, on a list or not; @b->whole must be as it was when it was
 *	put there
 */
__attribute__((noinline)) void age_remove(struct block *b)
{
	unsigned int a = b->age;

	if (!a)
		return;
	b->age = 0;
	if (b->age_next)
		b->age_next->age_prev = b->age_prev;
	else
		ph.age_tail[b->whole][a] = b->age_prev;
	if (b->age_prev)
		b->age_prev->age_next = b->age_next;
	else
		ph.age[b->whole][a] = b->age_next;
}

static void age_append(struct block *b, unsigned int a)
{
	struct block **tail = &ph.age_tail[b->whole][a];

	b->age = (uint8_t)a;
	b->age_next = NULL;
	b->age_prev = *tail;
	if (*tail)
		(*tail)->age_next = b;
	else
		ph.age[b->whole][a] = b;
	*tail = b;
}

/**
 * age_update - move a block to the age list for its idle pages
 * @b: a PART block
 */
void age_update(struct block *b)
{
	unsigned int a = b->stuck ? 0 : (b->nidle + 15u) / 16;

	if (a == b->age)
		return;
	age_remove(b);
	if (a)
		age_append(b, a);
}

/**
 * age_rotate - move a block to the tail of its age list
 * @b: a PART block on an age list
 */
void age_rotate(struct block *b)
{
	unsigned int a = b->age;

	age_remove(b);
	age_append(b, a);
	b->age_tick = ph.tick;
}
