/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transfer_int: the transfer cache's state, for transfer.c and, read only, for
 * inspect.c.
 */
#ifndef SHIM_TRANSFER_INT_H
#define SHIM_TRANSFER_INT_H

#include "base/lock.h"
#include "base/sizeclass.h"
#include "transfer.h"

/**
 * struct transfer - the transfer cache of one class in one domain
 * @lock: guards the rest
 * @objs: objects in it
 * @low: the smallest value of @objs since the last plunder
 * @room: pointers @slot has room for
 * @base: pointers at the beginning of @slot that are not in use
 * @slot: the objects, the oldest first
 * @hits: batches it served
 * @misses: batches the central list served
 * @spills: batches it had no room for
 */
struct transfer {
	struct shim_lock lock;
	uint32_t objs;
	uint32_t low;
	uint32_t room;
	uint32_t base;
	void **slot;
	uint64_t hits;
	uint64_t misses;
	uint64_t spills;
} __attribute__((aligned(64)));

/*
 * By domain, each an array by class; NULL for a domain that no thread has used.
 */
extern struct transfer *transfer_dom[TRANSFER_DOMAINS]
	__attribute__((visibility("hidden")));

#endif /* SHIM_TRANSFER_INT_H */
