/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * table.h: what the cases of the table have in common.
 *
 * A line that makes an object, or has a parameter, says in a comment that begins
 * with a colon what becomes of it, in Go's analysis of the same case:
 *
 *	heap		the object escapes
 *	stays		it does not
 *	p leaks		parameter p does
 *	p content	what p leads to leaks, p does not
 *	p result	p, or what it leads to, is the result
 *	p stored	p, or what it leads to, is stored by way of an argument
 *			(to Go, that is a leak; here, the caller sees what of)
 *	p keeps		p does none of that
 *
 * "heap, here stays" is where fields or stores are told apart that Go takes for
 * one; "stays, here heap" is where less is seen.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdlib.h>
#include <string.h>

#define NEW(type) calloc(1, sizeof(type))

extern void *sink;

#endif /* TABLE_H */
