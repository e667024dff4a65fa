// SPDX-License-Identifier: GPL-2.0-only
/*
 * shim_mixed: spans in which an object may have several slots, see libshim's
 * base/compound.h.
 *
 * A slot is a tail only if the span has it in use: what was torn while the process
 * ran on is an object of one slot.
 */
#include <string.h>

#include "base/compound.h"
#include "shim_int.h"

/* Of a page.  A span of small objects is in one area. */
#define TAIL_BYTES	(PAGE_SIZE / COMPOUND_GRAIN / 8)

int shim_mixed_read(const struct shim *s, struct shim_mixed *m,
		    const struct span *span, const struct sizeclass *info,
		    uint64_t tail)
{
	uint64_t word[UINT8_MAX * TAIL_BYTES / sizeof(uint64_t)], first, bit;
	unsigned int i;
	int err;

	memset(m, 0, sizeof(*m));
	m->start = span->start;
	m->end = span->start + (uint64_t)span->nobjs * info->size;
	m->cls = span->sizeclass;
	m->size = info->size;
	first = span->start % AREA_SIZE / PAGE_SIZE * TAIL_BYTES;
	err = shim_read(s, tail + first, word, span->npages * TAIL_BYTES);
	for (i = 1; !err && i < span->nobjs; i++) {
		bit = i * info->size / COMPOUND_GRAIN;
		if (word[bit / 64] >> bit % 64 & 1)
			m->tail[i / 64] |= (uint64_t)1 << i % 64;
	}
	for (i = 0; i < 8; i++)
		m->tail[i] &= ~span->bitmap[i];
	return err;
}

const struct shim_mixed *shim_mixed_find(const struct shim_heap *heap,
					 uint64_t p)
{
	size_t low = 0, high = heap->nr_mixed;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (heap->mixed[mid].start <= p)
			low = mid + 1;
		else
			high = mid;
	}
	return low && p < heap->mixed[low - 1].end ? &heap->mixed[low - 1] :
						      NULL;
}

static bool is_tail(const struct shim_mixed *m, uint32_t i)
{
	return m->tail[i / 64] >> i % 64 & 1;
}

uint32_t shim_mixed_head(const struct shim_mixed *m, uint32_t i)
{
	while (is_tail(m, i))
		i--;
	return i;
}

uint32_t shim_mixed_slots(const struct shim_mixed *m, uint32_t i)
{
	uint32_t n = 1, nobjs = (uint32_t)((m->end - m->start) / m->size);

	while (i + n < nobjs && is_tail(m, i + n))
		n++;
	return n;
}
