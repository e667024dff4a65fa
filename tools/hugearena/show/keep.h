/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * keep: why a heap has memory that no object is in, and when it goes.
 */
#ifndef TOOLS_KEEP_H
#define TOOLS_KEEP_H

#include <jansson.h>

#include "read/shim.h"

/**
 * struct keep - one reason
 * @name: for people
 * @key: for JSON
 * @bytes: how much is kept for it
 * @until: when it goes
 */
struct keep {
	const char *name, *key;
	uint64_t bytes;
	char until[96];
};

#define KEEP_REASONS	7

/**
 * keep_list - the reasons
 * @heap: a heap
 * @list: filled in, KEEP_REASONS of them; @bytes may be 0
 *
 * The last three are parts of the free pages; what more is free than they say
 * has no reason and is on its way.
 */
void keep_list(const struct shim_heap *heap, struct keep *list);

/* The same as a JSON object. */
json_t *keep_json(const struct shim_heap *heap);

#endif
