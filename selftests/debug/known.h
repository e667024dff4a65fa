/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations that fuzz_map knows: numbers, each of which is an operation
 * that once reached code no other had reached.
 */
#ifndef SELFTESTS_DEBUG_KNOWN_H
#define SELFTESTS_DEBUG_KNOWN_H

#include <stddef.h>
#include <linux/types.h>

/* Read them from the file that $CORPUS names, else from corpus. */
void known_read(void);

/* One more; beyond a few thousand it is dropped. */
void known_add(__u64 number);

/* How many there are. */
size_t known_count(void);

/* One of them, or in half of all cases, or if there are none, a new number. */
__u64 known_or_new(__u64 *state);

/* Write all of them to the file that $CORPUS_OUT names, if it is set. */
void known_write(void);

#endif
