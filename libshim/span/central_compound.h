/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * central_compound: small requests from the holes of other classes' spans, where
 * the heap would grow otherwise.
 */
#ifndef SHIM_CENTRAL_COMPOUND_H
#define SHIM_CENTRAL_COMPOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct central_compound_stat - what has been served in that way
 * @spans: spans of which the holes were used, ever
 * @objects: objects handed out, ever
 * @looks: spans looked at for holes, ever
 */
struct central_compound_stat {
	uint64_t spans;
	uint64_t objects;
	uint64_t looks;
};

/**
 * central_compound_enable - use holes, or do not
 * @on: false: what is there stays until it is freed
 */
void central_compound_enable(bool on);

/**
 * central_compound_get_stat - take the numbers
 * @st: filled in
 */
void central_compound_get_stat(struct central_compound_stat *st);

#endif /* SHIM_CENTRAL_COMPOUND_H */
