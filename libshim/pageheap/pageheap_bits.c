// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pageheap_bits: searches in the page sets of blocks.  No state, no locks.
 */
#include "pageheap_bits.h"

/* Bits of a word at multiples of @align. */
static uint64_t align_mask(unsigned int align)
{
	static const uint64_t mask[] = {
		~0ULL, 0x5555555555555555ULL, 0x1111111111111111ULL,
		0x0101010101010101ULL, 0x0001000100010001ULL,
		0x0000000100000001ULL, 1ULL,
	};

	return mask[__builtin_ctz(align)];
}

/* Runs of up to a word begin in one word and end in it or the next. */
static unsigned int find_short(const struct bits *b, unsigned int n,
			       uint64_t mask)
{
	unsigned int k;

	for (k = 0; k < BITS_WORDS; k++) {
		uint64_t lo = b->w[k], hi = k < 3 ? b->w[k + 1] : 0;
		unsigned int len = 1;

		while (len < n && lo) {
			unsigned int step = n - len < len ? n - len : len;

			lo &= lo >> step | hi << (64 - step);
			hi &= hi >> step;
			len += step;
		}
		if (lo & mask)
			return k * 64 + (unsigned int)__builtin_ctzll(lo & mask);
	}
	return BLOCK_PAGES;
}

/* Longer ones have the last bit of a word and the first of the next. */
static __attribute__((noinline))
unsigned int find_long(const struct bits *clear, unsigned int n,
		       unsigned int align)
{
	unsigned int i, start;

	for (i = 64; i < BLOCK_PAGES; i += 64) {
		start = bits_prev_end(clear, i);
		start = (start + align - 1) & ~(align - 1);
		if (start + n <= bits_next(clear, i))
			return start;
	}
	return BLOCK_PAGES;
}

unsigned int bits_find_run(const struct bits *b, unsigned int n,
			   unsigned int align)
{
	struct bits clear;
	unsigned int i;

	if (n <= 64 && align <= 64)
		return find_short(b, n, align_mask(align));
	for (i = 0; i < BITS_WORDS; i++)
		clear.w[i] = ~b->w[i];
	if (align <= 64)
		return find_long(&clear, n, align);
	for (i = 0; i < BLOCK_PAGES; i += align)
		if (i + n <= bits_next(&clear, i))
			return i;
	return BLOCK_PAGES;
}

unsigned int bits_longest_clear(const struct bits *b, unsigned int stop)
{
	unsigned int i = 0, best = 0;

	while (i < BLOCK_PAGES && best < stop) {
		unsigned int start = bits_next_clear(b, i);

		if (start + best >= BLOCK_PAGES)
			break;
		i = bits_next(b, start);
		if (i - start > best)
			best = i - start;
	}
	return best;
}
