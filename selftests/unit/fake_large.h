/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fake_large: what the caches ask of large, and what they tell it.
 */
#ifndef UNIT_FAKE_LARGE_H
#define UNIT_FAKE_LARGE_H

#include "span/large.h"

/**
 * struct fake_large - what a test sets and reads
 * @most: pages that large_grant() grants in all
 * @granted: pages that are granted now
 * @alone: the last one who asked was
 * @unwritten: what large_unwritten() says
 * @kept: spans that large_keep() got
 * @given: spans that large_give() got
 * @last: the last one of either
 * @ask: what large_ask() was told
 */
struct fake_large {
	long most;
	long granted;
	bool alone;
	bool unwritten;
	unsigned int kept;
	unsigned int given;
	struct span *last;
	unsigned int (*ask)(struct span **span);
};

extern struct fake_large fake_large;

#endif
