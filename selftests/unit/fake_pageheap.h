/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fake_pageheap: spans cut from one map, first fit, that fails on demand.
 */
#ifndef UNIT_FAKE_PAGEHEAP_H
#define UNIT_FAKE_PAGEHEAP_H

#include <stddef.h>

/**
 * struct fake_pageheap - what a test sets and reads
 * @fail_after: spans that may still be had; negative: any number
 * @spare: what pageheap_spare() says
 * @spans: spans handed out now
 * @purged: bytes inside of spans given back, ever; they read as zero then
 * @retaken: of these, told to be in use again
 * @bad: frees of what is no span, or still in the pagemap; always 0
 */
struct fake_pageheap {
	long fail_after;
	size_t spare;
	unsigned long spans;
	unsigned long purged;
	unsigned long retaken;
	unsigned long bad;
};

extern struct fake_pageheap fake_pageheap;

#endif
