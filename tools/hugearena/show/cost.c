// SPDX-License-Identifier: GPL-2.0-only
/*
 * cost: what a snapshot by fork() would copy, before it is taken.
 *
 * After a fork, the first write to a page copies it.  What was written to in the
 * last seconds is likely to be written to in the next ones.  Of arenas the
 * module tells which blocks were accessed in that time, and which are dirty: a
 * block that is not has never been written to.  Of other memory the kernel's
 * soft-dirty bits tell it page by page; these can be had by one reader only.
 * Called by cmd_wss.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/out.h"
#include "cost.h"
#include "read/kmod.h"
#include "read/pages.h"
#include "read/proc.h"

#define SOFT_DIRTY	(1ULL << 55)
#define BATCH		OS_BLOCK_PAGES

static int arena_look(const struct map *m, struct cost *c)
{
	struct hugearena_block *vec;
	long got = kmod_blocks_read(m->arena, m->offset, m->end - m->start,
				    !c, &vec), i;

	for (i = 0; c && i < got; i++) {
		bool dirty = vec[i].flags & HUGEARENA_BLOCK_DIRTY;

		if (!vec[i].pages)
			continue;
		c->blocks++;
		/* one without a mapping of its own has no bits to ask */
		if (!(vec[i].flags & HUGEARENA_BLOCK_MAPPED))
			dirty = true;
		c->clean += !dirty;
		if (!dirty || !(vec[i].flags & HUGEARENA_BLOCK_ACCESSED))
			continue;
		c->likely++;
		c->block_pages += vec[i].pages;
	}
	free(vec);
	return got < 0 ? (int)got : 0;
}

/* Clear the bits, or count into @c. */
static int arenas_look(const struct maps *maps, struct cost *c)
{
	int ret = -ENOENT, err;
	size_t i;

	for (i = 0; i < maps->n; i++) {
		if (!maps->v[i].arena)
			continue;
		err = arena_look(&maps->v[i], c);
		if (err || ret == -ENOENT)
			ret = err;
		if (err)
			break;
	}
	return ret;
}

/* libshim-gc may find its pointers by these bits: then they are its own. */
static bool soft_is_used(const struct maps *maps)
{
	size_t i;

	for (i = 0; i < maps->n; i++)
		if (strstr(maps->v[i].name, "/libshim-gc"))
			return true;
	return false;
}

/* A page of ours that was just written to must have the bit. */
static bool soft_is_there(void)
{
	static char own[2 * OS_PAGE];
	uint64_t at = ((uintptr_t)own + OS_PAGE - 1) & ~(uint64_t)(OS_PAGE - 1);
	int fd = pages_open(getpid()), err;
	uint64_t entry = 0;

	*(volatile char *)(uintptr_t)at = 1;
	err = fd < 0 ? fd : pages_read(fd, at, &entry, 1);
	if (fd >= 0)
		close(fd);
	return !err && (entry & SOFT_DIRTY);
}

static int soft_clear(pid_t pid)
{
	char path[64];
	int fd, err = 0;

	if (!soft_is_there())
		return -EOPNOTSUPP;
	snprintf(path, sizeof(path), "/proc/%d/clear_refs", pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, "4", 1) != 1)
		err = -errno;
	close(fd);
	return err;
}

int cost_begin(struct cost *c, pid_t pid, bool soft)
{
	struct maps maps;
	int err;

	memset(c, 0, sizeof(*c));
	err = proc_maps(pid, &maps, false);
	if (err)
		return err;
	c->view_err = arenas_look(&maps, NULL);
	c->soft_err = soft ? 0 : -EAGAIN;
	if (soft)
		err = soft_is_used(&maps) ? -EBUSY : soft_clear(pid);
	if (err == -EOPNOTSUPP) {
		c->soft_err = err;
		err = 0;
	}
	proc_maps_free(&maps);
	return err;
}

/* Private memory of one mapping. */
static int soft_count(const struct map *m, int fd, struct cost *c)
{
	uint64_t entry[BATCH], at, n, i, dirty;
	int err = 0;

	for (at = m->start; !err && at < m->end; at += n * OS_PAGE) {
		/* up to the next boundary of 2 MiB, for huge pages */
		n = BATCH - at / OS_PAGE % BATCH;
		if (n > (m->end - at) / OS_PAGE)
			n = (m->end - at) / OS_PAGE;
		err = pages_read(fd, at, entry, n);
		for (dirty = 0, i = 0; !err && i < n; i++)
			dirty += (entry[i] & PAGES_PRESENT) &&
				 (entry[i] & SOFT_DIRTY);
		if (dirty == BATCH && pages_huge(fd, at) == 1)
			c->huge++;
		else
			c->pages += dirty;
	}
	return err;
}

int cost_end(struct cost *c, pid_t pid, double seconds)
{
	struct maps maps;
	int err = proc_maps(pid, &maps, true), fd;
	size_t i;

	if (err)
		return err;
	c->seconds = seconds;
	if (!c->view_err)
		c->view_err = arenas_look(&maps, c);
	fd = c->soft_err ? -1 : pages_open(pid);
	if (!c->soft_err && fd < 0)
		c->soft_err = fd;
	for (i = 0; i < maps.n; i++) {
		const struct map *m = &maps.v[i];

		/* what is shared, or never written to, a fork does not copy */
		if (m->perms[1] != 'w' || m->perms[3] != 'p' || !m->rss)
			continue;
		c->anon += m->rss;
		if (!c->soft_err)
			c->soft_err = soft_count(m, fd, c);
	}
	if (fd >= 0)
		close(fd);
	proc_maps_free(&maps);
	return 0;
}

static uint64_t most(const struct cost *c)
{
	return (c->block_pages + c->pages + c->huge * OS_BLOCK_PAGES) * OS_PAGE;
}

json_t *cost_json(const struct cost *c, pid_t pid)
{
	json_t *root = json_object();

	json_put_int(root, "pid", (uint64_t)pid);
	json_put_real(root, "interval_seconds", c->seconds);
	if (!c->view_err) {
		json_put_int(root, "blocks", c->blocks);
		json_put_int(root, "blocks_likely", c->likely);
		json_put_int(root, "blocks_clean", c->clean);
		json_put_int(root, "block_pages_most", c->block_pages);
	}
	json_put_text(root, "arenas_unknown", c->view_err ?
		      strerror(-c->view_err) : NULL);
	json_put_int(root, "other_bytes", c->anon);
	if (!c->soft_err) {
		json_put_int(root, "pages_likely", c->pages);
		json_put_int(root, "huge_pages_likely", c->huge);
	}
	json_put_bool(root, "other_known", !c->soft_err);
	json_put_int(root, "copied_bytes_most", most(c));
	return root;
}

void cost_print(const struct cost *c)
{
	out_heading("A fork now");
	if (!c->view_err) {
		out_row("blocks of arenas", "%s, %s of them never written to",
			out_count(c->blocks), out_count(c->clean));
		out_row("likely copied", "pages of %s blocks, %s at most",
			out_count(c->likely),
			out_bytes(c->block_pages * OS_PAGE));
	} else if (c->view_err != -ENOENT) {
		out_note("blocks of arenas: cannot look: %s",
			 c->view_err == -EPERM ? proc_lacks() :
			 strerror(-c->view_err));
	} else {
		out_note("it has no arenas");
	}
	out_row("other memory", "%s that a fork shares until it is written to",
		out_bytes(c->anon));
	if (!c->soft_err)
		out_row("likely copied", "%s pages of 4 KiB, pages of %s of 2 MiB",
			out_count(c->pages), out_count(c->huge));
	else if (c->soft_err == -EOPNOTSUPP)
		out_note("which of it: this kernel has no soft-dirty bits");
	else if (c->soft_err == -EAGAIN)
		out_note("which of it: --soft-dirty asks the kernel");
	else
		out_note("which of it: %s", strerror(-c->soft_err));
	out_row("together", "%s at most in %g s", out_bytes(most(c)),
		c->seconds);
}
