// SPDX-License-Identifier: GPL-2.0-only
/*
 * collector: libshim-gc of a process, read from outside.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collector.h"
#include "symbols.h"

#define TRIES	1000		/* a write of the block takes some 10 us */

#define NR(_list)	(sizeof(_list) / sizeof((_list)[0]))

static const char *name(const char *const *list, size_t nr, uint32_t i)
{
	return i < nr ? list[i] : "?";
}

const char *collector_mode(const struct collector *c)
{
	static const char *const names[] = {
		"default", "stop", "hybrid", "deletion", "insertion", "dirty",
	};

	return name(names, NR(names), c->at.mode);
}

const char *collector_phase(const struct collector *c)
{
	static const char *const names[] = {
		"idle", "finish", "begin", "mark", "end",
	};

	return name(names, NR(names), c->at.phase);
}

const char *collector_reason(unsigned int reason)
{
	static const char *const names[] = {
		"goal", "call", "memory", "period",
	};

	return name(names, NR(names), reason);
}

const char *collector_dirty(const struct collector *c)
{
	static const char *const names[] = {
		"none", "module", "soft-dirty", "userfaultfd",
	};

	return name(names, NR(names), c->at.dirty);
}

static int mem_read(int mem, uint64_t addr, void *buf, size_t len)
{
	ssize_t n = pread(mem, buf, len, (off_t)addr);

	if (n == (ssize_t)len)
		return 0;
	return n < 0 ? -errno : -ESRCH;
}

/* All of one state: its number is even, and the same afterwards. */
static int state_read(struct collector *c, int mem, uint64_t addr)
{
	uint32_t seq;
	int err, i;

	for (i = 0; i < TRIES; i++) {
		err = mem_read(mem, addr, &c->at, sizeof(c->at));
		if (err)
			return err;
		if (memcmp(c->at.magic, GC_INSPECT_MAGIC,
			   sizeof(c->at.magic)) ||
		    c->at.layout != GC_INSPECT_LAYOUT ||
		    c->at.bytes != sizeof(c->at))
			return -EPROTO;
		err = mem_read(mem, addr + offsetof(struct gc_inspect, seq),
			       &seq, sizeof(seq));
		if (err)
			return err;
		if (!(seq & 1) && seq == c->at.seq)
			return 0;
		usleep(100);
	}
	return -EAGAIN;
}

int collector_read(struct collector *c, pid_t pid)
{
	uint64_t addr, pages = 0;
	char path[64];
	int mem, err;

	memset(c, 0, sizeof(*c));
	err = symbol_find_in(pid, "libshim-gc", "shim_gc_inspect", &addr);
	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	if (mem < 0)
		return -errno;
	err = state_read(c, mem, addr);
	/* nothing is there before it has begun */
	if (!err && c->at.since)
		err = mem_read(mem, (uintptr_t)c->at.since, &c->since,
			       sizeof(c->since));
	if (!err && c->at.total)
		err = mem_read(mem, (uintptr_t)c->at.total, &c->total,
			       sizeof(c->total));
	if (!err && c->at.pages)
		err = mem_read(mem, (uintptr_t)c->at.pages, &pages,
			       sizeof(pages));
	close(mem);
	c->heap = pages << 13;
	if (err)
		memset(c, 0, sizeof(*c));
	return err;
}
