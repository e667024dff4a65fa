/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fake_transfer: objects that are numbers, each handed out at most once, for
 * many threads.
 */
#ifndef UNIT_FAKE_TRANSFER_H
#define UNIT_FAKE_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/transfer.h"

#define FAKE_OBJS	(1u << 16)	/* of each class */

/**
 * struct fake_transfer - what a test sets and reads
 * @fail: hand out nothing
 * @usage: what pageheap_usage() says
 * @pressure: what pageheap_pressure() says
 * @dry: what transfer_is_dry() says
 * @out: objects handed out and not back
 * @gets: calls of transfer_get_at()
 * @puts: calls of transfer_put_at()
 * @dom_gets: of these, by domain
 * @dom_puts: the same
 * @bad: objects given back that were not out; always 0
 * @asked: calls of scavenger_pass() by requests that ask; atomic
 * @passed: the others; atomic
 * @stirs: what it says
 * @busy: transfer_put_mixed() takes nothing
 * @wants: what transfer_wants() says of every class, until transfer_recall()
 */
struct fake_transfer {
	int fail;
	size_t usage;
	unsigned int pressure;
	bool dry;
	long out;
	unsigned long gets;
	unsigned long puts;
	unsigned long dom_gets[TRANSFER_DOMAINS];
	unsigned long dom_puts[TRANSFER_DOMAINS];
	unsigned long bad;
	unsigned long asked;
	unsigned long passed;
	bool stirs;
	bool busy;
	bool wants;
};

extern struct fake_transfer fake_transfer;

/* The number of an object, 1 to FAKE_OBJS - 1. */
static inline unsigned int fake_number(const void *p)
{
	return ((uintptr_t)p & 0xffffff) / 16;
}

#endif
