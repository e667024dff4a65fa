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
 * @node: the NUMA node that spans are on
 * @shorter: of spans that may be shorter, one in as many is, by little; 0: none
 * @spare: what pageheap_spare() says
 * @tiny: the heap is small, says pageheap_usage()
 * @spans: spans handed out now
 * @whole: purging is refused, as in blocks that are whole
 * @purged: bytes inside of spans given back, ever; they read as zero then
 * @retaken: of these, told to be in use again
 * @bad: frees of what is no span, or still in the pagemap, or what has another
 *	one's memory; always 0
 * @stirs: calls of scavenger_stir(); atomic
 * @small: what pageheap_mesh_is_due() denies
 * @why_not: what pageheap_mesh_why_not() says
 * @mesh_fail: pairs that are refused: one in as many; 0: none
 * @mesh_errno: with what, negative
 * @mesh_whole: all blocks are whole until pageheap_mesh_apart()
 * @unmesh_fail: pageheap_unmesh() gives nothing back
 * @meshed: OS pages of which the memory is another span's
 * @pairs: ranges meshed, ever
 */
struct fake_pageheap {
	long fail_after;
	unsigned int node;
	unsigned int shorter;
	size_t spare;
	int tiny;
	unsigned long spans;
	int whole;
	unsigned long purged;
	unsigned long retaken;
	unsigned long bad;
	unsigned long stirs;
	int small;
	const char *why_not;
	unsigned int mesh_fail;
	int mesh_errno;
	int mesh_whole;
	int unmesh_fail;
	long meshed;
	unsigned long pairs;
};

extern struct fake_pageheap fake_pageheap;

#endif
