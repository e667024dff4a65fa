// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pageheap_bits: searches in the page sets of blocks.  No state, no locks.
 */
#include "pageheap_bits.h"

/* @b moved towards bit 0 by @s, 0 < @s < BLOCK_PAGES; zeros come in. */
static void bits_shift(struct bits *out, const struct bits *b, unsigned int s)
{
	unsigned int words = s / 64, bit = s % 64, k;

	for (k = 0; k < BITS_WORDS; k++) {
		unsigned int from = k + words;
		uint64_t lo = from < BITS_WORDS ? b->w[from] : 0;
		uint64_t hi = from + 1 < BITS_WORDS ? b->w[from + 1] : 0;

		out->w[k] = bit ? lo >> bit | hi << (64 - bit) : lo;
	}
}

/* Bits of a word at multiples of @align. */
static uint64_t align_mask(unsigned int align)
{
	static const uint64_t mask[] = {
		~0ULL, 0x5555555555555555ULL, 0x1111111111111111ULL,
		0x0101010101010101ULL, 0x0001000100010001ULL,
		0x0000000100000001ULL, 1ULL,
	};

	return mask[__builtin_ctz(align > 64 ? 64 : align)];
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

unsigned int bits_find_run(const struct bits *b, unsigned int n,
			   unsigned int align)
{
	struct bits m = *b, moved;
	unsigned int len = 1, k;

	if (n <= 64 && align <= 64)
		return find_short(b, n, align_mask(align));
	while (len < n) {
		unsigned int step = n - len < len ? n - len : len;

		bits_shift(&moved, &m, step);
		for (k = 0; k < BITS_WORDS; k++)
			m.w[k] &= moved.w[k];
		len += step;
	}
	for (k = 0; k < BITS_WORDS; k++) {
		uint64_t x = m.w[k] & align_mask(align);

		/* an alignment of more than a word only allows whole words */
		if (x && (align <= 64 || k % (align / 64) == 0))
			return k * 64 + (unsigned int)__builtin_ctzll(x);
	}
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
