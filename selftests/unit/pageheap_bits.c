// SPDX-License-Identifier: GPL-2.0-only
/* pageheap_bits against the same questions asked one bit at a time. */
#include "../lib/patience.h"

#include "pageheap/pageheap_bits.h"

#define SETS	3000

static uint64_t state = 1;

static uint32_t rng(uint32_t below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33) % below;
}

static bool get(const struct bits *b, unsigned int i)
{
	return b->w[i / 64] >> (i % 64) & 1;
}

/* From sparse to dense, in runs of random length. */
static struct bits random_bits(void)
{
	unsigned int i = 0, density = 1 + rng(60);
	struct bits b = { { 0 } };

	while (i < BLOCK_PAGES) {
		unsigned int n = 1 + rng(density);
		bool one = rng(2);

		for (; n && i < BLOCK_PAGES; n--, i++)
			if (one)
				b.w[i / 64] |= 1ull << (i % 64);
	}
	return b;
}

static unsigned int naive_run(const struct bits *b, unsigned int n,
			      unsigned int align)
{
	unsigned int i, k;

	for (i = 0; i + n <= BLOCK_PAGES; i += align) {
		for (k = 0; k < n && get(b, i + k); k++)
			;
		if (k == n)
			return i;
	}
	return BLOCK_PAGES;
}

TEST(set_clear_count)
{
	int round;

	for (round = 0; round < SETS; round++) {
		struct bits b = random_bits(), set = b, clear = b;
		unsigned int i = rng(BLOCK_PAGES);
		unsigned int n = 1 + rng(BLOCK_PAGES - i), k, sum = 0;

		bits_set(&set, i, n);
		bits_clear(&clear, i, n);
		for (k = 0; k < BLOCK_PAGES; k++) {
			bool in = k >= i && k < i + n;

			sum += in && get(&b, k);
			ASSERT_EQ(in || get(&b, k), get(&set, k));
			ASSERT_EQ(!in && get(&b, k), get(&clear, k));
		}
		ASSERT_EQ(sum, bits_count(&b, i, n));
	}
}

TEST(next_and_previous)
{
	int round;

	for (round = 0; round < SETS; round++) {
		struct bits b = random_bits();
		unsigned int i = rng(BLOCK_PAGES + 1), k;

		for (k = i; k < BLOCK_PAGES && !get(&b, k); k++)
			;
		ASSERT_EQ(k, bits_next(&b, i));
		for (k = i; k < BLOCK_PAGES && get(&b, k); k++)
			;
		ASSERT_EQ(k, bits_next_clear(&b, i));
		for (k = i; k > 0 && !get(&b, k - 1); k--)
			;
		ASSERT_EQ(k, bits_prev_end(&b, i));
	}
}

TEST(find_run)
{
	int round;

	for (round = 0; round < SETS; round++) {
		struct bits b = random_bits();
		unsigned int n = 1 + rng(rng(4) ? 40 : BLOCK_PAGES);
		unsigned int align = 1u << rng(9);

		ASSERT_EQ(naive_run(&b, n, 1), bits_find_run(&b, n, 1));
		ASSERT_EQ(naive_run(&b, n, align), bits_find_run(&b, n, align));
	}
}

TEST(longest)
{
	int round;

	for (round = 0; round < SETS; round++) {
		struct bits b = random_bits();
		unsigned int run = 0, best = 0, k;

		for (k = 0; k < BLOCK_PAGES; k++) {
			run = get(&b, k) ? 0 : run + 1;
			best = run > best ? run : best;
		}
		ASSERT_EQ(best, bits_longest_clear(&b, BLOCK_PAGES));
		ASSERT_EQ(best, bits_longest_clear(&b, best));
	}
}

TEST(empty_and_full)
{
	struct bits b;

	bits_fill(&b, 0);
	EXPECT_EQ(BLOCK_PAGES, bits_longest_clear(&b, BLOCK_PAGES));
	EXPECT_EQ(BLOCK_PAGES, bits_find_run(&b, 1, 1));
	EXPECT_EQ(BLOCK_PAGES, bits_next(&b, 0));
	EXPECT_EQ(0, bits_prev_end(&b, BLOCK_PAGES));
	bits_fill(&b, ~0ull);
	EXPECT_EQ(0, bits_longest_clear(&b, BLOCK_PAGES));
	EXPECT_EQ(0, bits_find_run(&b, BLOCK_PAGES, BLOCK_PAGES));
	EXPECT_EQ(BLOCK_PAGES, bits_next_clear(&b, 0));
	EXPECT_EQ(BLOCK_PAGES, bits_count(&b, 0, BLOCK_PAGES));
}

TEST_HARNESS_MAIN
