/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pageheap_bits: sets of the 256 pages of a block.
 *
 * Pure functions on four words; bit i of word i / 64 is page i.  The owner of
 * the words provides the locking.
 */
#ifndef SHIM_PAGEHEAP_BITS_H
#define SHIM_PAGEHEAP_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pagemap.h"

#define BITS_WORDS	4

_Static_assert(BITS_WORDS * 64 == BLOCK_PAGES, "a bit for each page");

struct bits {
	uint64_t w[BITS_WORDS];
};

/* The part of word @k that is in [@i, @i + @n); the range touches it. */
static inline uint64_t bits_word_mask(unsigned int k, unsigned int i,
				      unsigned int n)
{
	unsigned int last = i + n - 1;
	uint64_t m = ~0ULL;

	if (k == i / 64)
		m <<= i % 64;
	if (k == last / 64)
		m &= ~0ULL >> (63 - last % 64);
	return m;
}

/*
 * bits_for_each_word - visit the words that [@i, @i + @n) touches, @n not 0
 * @k: word index; @m: the part of it that is in the range
 */
#define bits_for_each_word(k, m, i, n)					\
	for ((k) = (i) / 64;						\
	     (k) <= ((i) + (n) - 1) / 64 &&				\
	     ((m) = bits_word_mask(k, i, n), true);			\
	     (k)++)

static inline void bits_set(struct bits *b, unsigned int i, unsigned int n)
{
	unsigned int k;
	uint64_t m;

	bits_for_each_word(k, m, i, n)
		b->w[k] |= m;
}

static inline void bits_clear(struct bits *b, unsigned int i, unsigned int n)
{
	unsigned int k;
	uint64_t m;

	bits_for_each_word(k, m, i, n)
		b->w[k] &= ~m;
}

/* How many bits of [@i, @i + @n) are set. */
static inline unsigned int bits_count(const struct bits *b, unsigned int i,
				      unsigned int n)
{
	unsigned int k, sum = 0;
	uint64_t m;

	bits_for_each_word(k, m, i, n)
		sum += (unsigned int)__builtin_popcountll(b->w[k] & m);
	return sum;
}

static inline void bits_fill(struct bits *b, uint64_t word)
{
	int k;

	for (k = 0; k < BITS_WORDS; k++)
		b->w[k] = word;
}

/* First set bit at or after @i, or BLOCK_PAGES. */
static inline unsigned int bits_next(const struct bits *b, unsigned int i)
{
	unsigned int k = i / 64;
	uint64_t x;

	if (i >= BLOCK_PAGES)
		return BLOCK_PAGES;
	x = b->w[k] & (~0ULL << (i % 64));
	while (!x) {
		if (++k == BITS_WORDS)
			return BLOCK_PAGES;
		x = b->w[k];
	}
	return k * 64 + (unsigned int)__builtin_ctzll(x);
}

/* First clear bit at or after @i, or BLOCK_PAGES. */
static inline unsigned int bits_next_clear(const struct bits *b, unsigned int i)
{
	unsigned int k = i / 64;
	uint64_t x;

	if (i >= BLOCK_PAGES)
		return BLOCK_PAGES;
	x = ~b->w[k] & (~0ULL << (i % 64));
	while (!x) {
		if (++k == BITS_WORDS)
			return BLOCK_PAGES;
		x = ~b->w[k];
	}
	return k * 64 + (unsigned int)__builtin_ctzll(x);
}

/* One past the last set bit before @i, or 0. */
static inline unsigned int bits_prev_end(const struct bits *b, unsigned int i)
{
	unsigned int k;
	uint64_t x;

	if (!i)
		return 0;
	k = (i - 1) / 64;
	x = b->w[k] & (~0ULL >> (63 - (i - 1) % 64));
	while (!x) {
		if (!k)
			return 0;
		x = b->w[--k];
	}
	return k * 64 + 64 - (unsigned int)__builtin_clzll(x);
}

/**
 * bits_find_run - first run of set bits
 * @b: the set
 * @n: length wanted, 1 to BLOCK_PAGES
 * @align: a power of two, at most BLOCK_PAGES: where the run may start
 *
 * A run of up to a word: each step ands the words with shifted copies; after it, a
 * bit says that a run of that length starts there, which doubles each time.  Longer
 * ones are few: each has the last bit of a word and the first of the next, so
 * three places are looked at.
 *
 * Return: first page of the run, or BLOCK_PAGES.
 */
unsigned int bits_find_run(const struct bits *b, unsigned int n,
			   unsigned int align);

/**
 * bits_longest_clear - longest run of clear bits
 * @b: the set
 * @stop: a length that the caller knows is not exceeded
 */
unsigned int bits_longest_clear(const struct bits *b, unsigned int stop);

#endif /* SHIM_PAGEHEAP_BITS_H */
