// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls on the device, an arena and a view: commands that exist, almost
 * exist or do not; arguments that are valid, almost valid or wild.  Whatever
 * comes, the errno is one that the contract names, and an arena nobody aimed
 * at keeps its content.  Seeded: SEED=, and COUNT= calls.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "kselftest.h"
#include "arena.h"
#include "memory.h"
#include "report.h"
#include "soak.h"

#define FIGURE	5000000
#define BLOCKS	6
#define ARG_LEN	256
#define FUZZ_PAIRS	4

enum { FD_DEV, FD_ARENA, FD_VIEW, FD_OTHER, FD_SHARED, FDS };

static const int documented[] = {
	EINVAL, EFAULT, ENOTTY, ENXIO, EPERM, ESRCH, ENOMEM, EMFILE, EBADF,
	EOPNOTSUPP, EINTR, EBUSY, EACCES,
};

static const unsigned long commands[] = {
	HUGEARENA_IOC_INFO, HUGEARENA_IOC_CREATE, HUGEARENA_IOC_VIEW,
	HUGEARENA_IOC_RELEASE, HUGEARENA_IOC_JOIN, HUGEARENA_IOC_BLOCKS,
	HUGEARENA_IOC_STAT, HUGEARENA_IOC_DIRTY, HUGEARENA_IOC_MESH,
	HUGEARENA_IOC_SEAL, HUGEARENA_IOC_MOVE, HUGEARENA_IOC_SPLIT,
};

struct fuzz {
	__u64 rnd;
	int fd[FDS];
	struct arena target, witness, shared;
	unsigned char *arg;	/* ARG_LEN bytes at the end of a mapping */
	struct hugearena_range *ranges;
	struct hugearena_block *blocks;
	struct hugearena_pair pairs[FUZZ_PAIRS];
	struct hugearena_move moves[FUZZ_PAIRS];
};

static __u64 below(struct fuzz *f, __u64 n)
{
	return soak_below(&f->rnd, n);
}

/* A number that is a corner case for range checks. */
static __u64 number(struct fuzz *f)
{
	switch (below(f, 9)) {
	case 0:
		return 0;
	case 1:
		return below(f, 8);
	case 2:
		return below(f, BLOCKS * BLOCK_PAGES + 2) * OS_PAGE;
	case 3:
		return below(f, BLOCKS + 2) * BLOCK_LEN;
	case 4:
		return 1ULL << below(f, 64);
	case 5:
		return -(1ULL << below(f, 64));
	case 6:
		return -below(f, 4 * OS_PAGE);
	case 7:
		return below(f, BLOCKS * BLOCK_LEN);
	}
	return soak_random(&f->rnd);
}

static __u64 address(struct fuzz *f, void *good)
{
	switch (below(f, 8)) {
	case 0:
		return 0;
	case 1:
		return number(f);
	case 2:
		/* an arena's own memory, which faults when it is read */
		return (__u64)f->target.base + below(f, f->target.size);
	case 3:
		return (__u64)f->arg + ARG_LEN - below(f, 64);
	}
	return (__u64)good;
}

static void ranges_fill(struct fuzz *f)
{
	__u64 at = 0;
	int i;

	for (i = 0; i < 8; i++) {
		at += below(f, 512) * OS_PAGE;
		f->ranges[i].offset = at;
		f->ranges[i].len = (1 + below(f, 256)) * OS_PAGE;
		if (!below(f, 32))
			f->ranges[i].offset = number(f);
		if (!below(f, 32))
			f->ranges[i].len = number(f);
		at += f->ranges[i].len;
	}
}

/* A move for each pair of ranges, which often consist of pages by now. */
static void mesh_fill(struct fuzz *f)
{
	int i;

	for (i = 0; i < FUZZ_PAIRS; i++) {
		f->pairs[i] = (struct hugearena_pair){
			.dst = below(f, BLOCKS * BLOCK_PAGES) * OS_PAGE,
			.src = below(f, BLOCKS * BLOCK_PAGES) * OS_PAGE,
			.len = (1 + below(f, 4)) * OS_PAGE,
			.nr_moves = 1,
		};
		f->moves[i].at = below(f, OS_PAGE);
		f->moves[i].len = 1 + below(f, 64);
		if (!below(f, 16))
			f->pairs[i].dst = number(f);
		if (!below(f, 16))
			f->moves[i].len = number(f);
	}
}

/* A valid argument for @cmd. */
static void argument_valid(struct fuzz *f, unsigned long cmd)
{
	struct hugearena_create *c = (void *)f->arg;
	struct hugearena_view *v = (void *)f->arg;
	struct hugearena_release *r = (void *)f->arg;
	struct hugearena_join *j = (void *)f->arg;
	struct hugearena_blocks *q = (void *)f->arg;
	struct hugearena_dirty *d = (void *)f->arg;
	struct hugearena_mesh *m = (void *)f->arg;
	struct hugearena_seal *s = (void *)f->arg;
	struct hugearena_move_to *t = (void *)f->arg;

	memset(f->arg, 0, ARG_LEN);
	switch (cmd) {
	case HUGEARENA_IOC_CREATE:
		c->size = (1 + below(f, 64)) * BLOCK_LEN;
		c->node = below(f, 2) ? HUGEARENA_NODE_LOCAL : 0;
		c->kind = below(f, 2);
		if (c->kind && below(f, 2))
			c->flags = HUGEARENA_SLOT_GUARD | (13 + below(f, 18));
		if (below(f, 2))
			c->flags |= HUGEARENA_CREATE_SHARED;
		strcpy(c->name, "fuzz");
		break;
	case HUGEARENA_IOC_MOVE:
		t->offset = below(f, BLOCKS) * BLOCK_LEN;
		t->len = BLOCK_LEN;
		break;
	case HUGEARENA_IOC_SEAL:
		s->seals = below(f, 4);
		break;
	case HUGEARENA_IOC_VIEW:
		v->id = below(f, 64);
		break;
	case HUGEARENA_IOC_RELEASE:
		ranges_fill(f);
		r->ranges = address(f, f->ranges);
		r->nr = 1 + below(f, 8);
		break;
	case HUGEARENA_IOC_JOIN:
	case HUGEARENA_IOC_SPLIT:
		j->offset = below(f, BLOCKS) * BLOCK_LEN;
		j->len = BLOCK_LEN;
		break;
	case HUGEARENA_IOC_BLOCKS:
		q->vec = address(f, f->blocks);
		q->nr = 1 + below(f, BLOCKS);
		q->offset = below(f, BLOCKS) * BLOCK_LEN;
		q->flags = below(f, 2);
		break;
	case HUGEARENA_IOC_DIRTY:
		d->offset = below(f, BLOCKS * BLOCK_PAGES) * OS_PAGE;
		d->len = (1 + below(f, BLOCKS * BLOCK_PAGES)) * OS_PAGE;
		d->bitmap = address(f, f->ranges);
		d->flags = HUGEARENA_DIRTY_CLEAR;
		break;
	case HUGEARENA_IOC_MESH:
		mesh_fill(f);
		m->pairs = address(f, f->pairs);
		m->moves = address(f, f->moves);
		m->nr = 1 + below(f, FUZZ_PAIRS);
		m->nr_moves = m->nr;
		break;
	}
}

static unsigned long command(struct fuzz *f)
{
	unsigned long cmd = commands[below(f, ARRAY_SIZE(commands))];

	switch (below(f, 16)) {
	case 0:
		return cmd ^ (1UL << below(f, 32));
	case 1:
		return _IO(HUGEARENA_IOC_MAGIC, below(f, 256));
	case 2:
		return soak_random(&f->rnd);
	}
	return cmd;
}

static int errno_is_documented(int err)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(documented); i++)
		if (documented[i] == err)
			return 1;
	return 0;
}

/* One call; 0 if its result was a legal one. */
static int call(struct fuzz *f)
{
	unsigned long cmd = command(f);
	int fd = f->fd[below(f, FDS)], ret, i;
	void *arg = f->arg;

	argument_valid(f, cmd);
	/* half of them with something wrong */
	for (i = below(f, 6); i > 2; i--) {
		__u64 n = number(f);
		size_t at = below(f, 16) * 4;

		/*
		 * What BLOCKS writes to is replaced as a whole: half of a good
		 * address is often a good address too, for example in the
		 * witness.
		 */
		if (cmd == HUGEARENA_IOC_BLOCKS ||
		    cmd == HUGEARENA_IOC_DIRTY || cmd == HUGEARENA_IOC_MESH)
			at &= ~7UL;
		memcpy(f->arg + at, &n, sizeof(n));
	}
	if (!below(f, 16))
		arg = (void *)address(f, f->arg);
	/* standard commands of files are handled elsewhere */
	if (_IOC_TYPE(cmd) != HUGEARENA_IOC_MAGIC)
		cmd = (cmd & ~0xff00UL) | HUGEARENA_IOC_MAGIC << 8;
	ret = ioctl(fd, cmd, arg);
	if (ret < 0 && !errno_is_documented(errno)) {
		ksft_print_msg("command %#lx: %s\n", cmd, strerror(errno));
		return -1;
	}
	/* CREATE and VIEW give files */
	if (ret > 2 && (cmd == HUGEARENA_IOC_CREATE ||
			cmd == HUGEARENA_IOC_VIEW))
		close(ret);
	return 0;
}

/* fallocate() and mmap() of the arena, with wild arguments too. */
static int call_file(struct fuzz *f)
{
	int fd = f->fd[below(f, FDS)];
	__u64 len = number(f);
	void *p;

	if (below(f, 2)) {
		(void)!fallocate(fd, below(f, 4) ? 3 : below(f, 128), number(f),
				 len);
		return 0;
	}
	if (!len || len > BLOCKS * BLOCK_LEN)
		len = OS_PAGE;
	p = mmap(NULL, len, below(f, 8), below(f, 4), fd,
		 number(f) & ~(OS_PAGE - 1));
	if (p != MAP_FAILED)
		munmap(p, len);
	return 0;
}

static int fuzz_begin(struct fuzz *f)
{
	struct hugearena_view v = {};
	struct hugearena_stat st;
	char *p;

	p = mmap(NULL, 2 * OS_PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* a read past the end of its structure meets an unmapped page */
	if (p == MAP_FAILED || munmap(p + OS_PAGE, OS_PAGE))
		return -1;
	f->arg = (unsigned char *)p + OS_PAGE - ARG_LEN;
	f->ranges = calloc(HUGEARENA_RELEASE_MAX, sizeof(*f->ranges));
	f->blocks = calloc(4096, sizeof(*f->blocks));
	f->fd[FD_DEV] = device_open();
	if (!f->ranges || !f->blocks || f->fd[FD_DEV] < 0 ||
	    arena_make(&f->target, BLOCKS) || arena_make(&f->witness, BLOCKS) ||
	    arena_make_kind(&f->shared, BLOCKS, HUGEARENA_KIND_BLOCKS,
			    HUGEARENA_CREATE_SHARED) ||
	    arena_stat(&f->target, &st))
		return -1;
	v.id = st.id;
	f->fd[FD_ARENA] = f->target.fd;
	f->fd[FD_VIEW] = ioctl(f->fd[FD_DEV], HUGEARENA_IOC_VIEW, &v);
	f->fd[FD_OTHER] = arena_create(BLOCKS * BLOCK_LEN);
	f->fd[FD_SHARED] = f->shared.fd;
	pages_fill(f->witness.base, f->witness.size, 1);
	return f->fd[FD_VIEW] < 0 || f->fd[FD_OTHER] < 0 ? -1 : 0;
}

int main(void)
{
	unsigned long calls = soak_count(FIGURE), i, bad = 0;
	struct fuzz f = { .rnd = soak_seed(20240229) };
	struct held before;

	ksft_print_header();
	ksft_set_plan(1);
	if (params_reset() || held_read(&before) || fuzz_begin(&f))
		ksft_exit_fail_msg("no module: %s\n", strerror(errno));
	ksft_print_msg("seed %llu\n", f.rnd);
	for (i = 0; i < calls && !bad; i++) {
		bad = call(&f) != 0;
		if (!below(&f, 64))
			bad |= call_file(&f) != 0;
		/* something to release, to join and to look at */
		if (!(i % 256)) {
			pages_fill(f.target.base + below(&f, BLOCKS) *
				   BLOCK_LEN, BLOCK_LEN / 8, i);
			pages_fill(f.shared.base + below(&f, BLOCKS) *
				   BLOCK_LEN, BLOCK_LEN / 8, i);
		}
		if (!(i % 65536) &&
		    pages_wrong(f.witness.base, f.witness.size, 1)) {
			ksft_print_msg("call %lu: the witness changed\n", i);
			bad = 1;
		}
	}
	if (pages_wrong(f.witness.base, f.witness.size, 1)) {
		ksft_print_msg("after the last call: the witness changed\n");
		bad = 1;
	}
	close(f.fd[FD_VIEW]);
	close(f.fd[FD_OTHER]);
	close(f.fd[FD_DEV]);
	arena_drop(&f.shared);
	arena_drop(&f.target);
	arena_drop(&f.witness);
	if (held_back_to(&before)) {
		ksft_print_msg("not all came back\n");
		bad = 1;
	}
	soak_report("fuzz-ioctl", calls, i, bad);
	ksft_test_result(!bad, "%lu calls\n", i);
	ksft_finished();
}
