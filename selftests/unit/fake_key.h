/* SPDX-License-Identifier: GPL-2.0-only */
/* fake_key: a processor with any number of last level caches. */
#ifndef UNIT_FAKE_KEY_H
#define UNIT_FAKE_KEY_H

#include <stdint.h>

/**
 * struct fake_key - what a test sets and reads
 * @of: what the CPU that the thread is on shares with others; or NULL, and it
 *	does not say
 * @asked: how often it was
 */
struct fake_key {
	uint32_t (*of)(void);
	unsigned long asked;
};

extern struct fake_key fake_key;

#endif
