/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * collector: libshim-gc of a process, read from outside.
 */
#ifndef TOOLS_COLLECTOR_H
#define TOOLS_COLLECTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gc/gcinspect.h"

/**
 * struct collector - the collector of a process
 * @at: what it says of itself, of one moment
 * @since: bytes allocated since its last collection
 * @total: bytes allocated, ever
 * @heap: bytes of spans
 */
struct collector {
	struct gc_inspect at;
	uint64_t since;
	uint64_t total;
	uint64_t heap;
};

/**
 * collector_read - read it
 * @c: filled in, zeros on failure
 * @pid: the process, which goes on
 *
 * Return: 0; -ENOENT when it has no libshim-gc, -EPROTO when it is of another
 * version, -EAGAIN when it changed each time it was read; -EPERM or -EACCES;
 * -ESRCH.
 */
int collector_read(struct collector *c, pid_t pid);

/* "hybrid", "mark", "goal", "soft-dirty bits"; "?" for a number too large. */
const char *collector_mode(const struct collector *c);
const char *collector_phase(const struct collector *c);
const char *collector_reason(unsigned int reason);
const char *collector_dirty(const struct collector *c);

#endif
