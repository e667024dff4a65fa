/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fake_central: objects that are numbers, each handed out at most once.
 */
#ifndef UNIT_FAKE_CENTRAL_H
#define UNIT_FAKE_CENTRAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct fake_central - what a test sets and reads
 * @fail: hand out nothing
 * @dry: what central_is_dry() says
 * @out: objects handed out and not back
 * @gets: calls of central_get()
 * @puts: calls of central_put()
 * @bad: objects given back that were not out; always 0
 * @nodes: each is on one of so many NUMA nodes, by its number; 0: all on one
 * @wants: what central_wants() says of every class, until central_called()
 */
struct fake_central {
	int fail;
	bool dry;
	long out;
	unsigned long gets;
	unsigned long puts;
	unsigned long bad;
	unsigned int nodes;
	bool wants;
};

extern struct fake_central fake_central;

#endif
