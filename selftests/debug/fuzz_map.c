// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random operations on mappings of arenas, in a process and its children down
 * to the third generation, while a thread of the first looks on through the
 * kernel.  In every process memory reads as the model says: a sample of it after
 * each 64th operation, all of it when the first ends.  Seeded: SEED=, and COUNT=
 * operations in all processes; one that finds something wrong says with which
 * operation of which seed.
 *
 * Every operation is made of one number.  Where the kernel can tell what code
 * it reached (KCOV), numbers that reached something new are kept, and every
 * second operation is one of them again, in another place of another history.
 * The corpus file (CORPUS=, else corpus beside the program) is where they come
 * from; CORPUS_OUT= is where they all are written to.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include "kselftest.h"
#include "kcov.h"
#include "known.h"
#include "model.h"
#include "noise.h"
#include "process.h"
#include "rearrange.h"
#include "report.h"
#include "soak.h"

#define FIGURE		20000
#define LEAST		1000
#define ARENAS		2
#define CHILDREN	3
#define GENERATIONS	3
#define RUN_MAX		(2 * BLOCK_PAGES)
#define SAMPLE		13

/* What all processes have done, in memory that they share. */
struct done {
	unsigned long ops;
	unsigned long meshed;	/* pairs of ranges */
	unsigned long moved;	/* blocks */
};

struct fuzz {
	__u64 rnd;		/* of the operation */
	__u64 next;		/* of the sequence of operations */
	struct model m[ARENAS];
	pid_t child[CHILDREN];
	int pipe[2];
	size_t in_pipe;
	unsigned int generation;
	struct done *done;
	unsigned long asked;	/* of all processes */
};

static __u64 below(struct fuzz *f, __u64 n)
{
	return soak_below(&f->rnd, n);
}

static struct model *model_any(struct fuzz *f)
{
	return &f->m[below(f, ARENAS)];
}

/* A run of pages: often short, sometimes whole blocks, sometimes a lot. */
static size_t run_any(struct fuzz *f, size_t *n)
{
	size_t first = below(f, MODEL_PAGES), max;

	switch (below(f, 8)) {
	case 0:
		first -= first % BLOCK_PAGES;
		*n = BLOCK_PAGES;
		break;
	case 1:
		*n = 1 + below(f, RUN_MAX);
		break;
	default:
		*n = 1 + below(f, 16);
	}
	max = MODEL_PAGES - first;
	if (*n > max)
		*n = max;
	return first;
}

static __u32 seed_any(struct fuzz *f)
{
	return 1 + below(f, 0xfffffff0);
}

static int failed(const char *what)
{
	printf("# %s: %s\n", what, strerror(errno));
	return -1;
}

static int op_write(struct fuzz *f)
{
	struct model *m = model_any(f);
	size_t n, first = run_any(f, &n);

	if (!below(f, 4))
		return model_write_remote(m, first, n > 8 ? 8 : n,
					  seed_any(f));
	return model_write(m, first, n, seed_any(f));
}

static int op_read(struct fuzz *f)
{
	struct model *m = model_any(f);
	size_t n, first = run_any(f, &n);

	return model_check(m, first, n, !below(f, 8));
}

static int op_forbidden(struct fuzz *f)
{
	return model_forbidden(model_any(f), below(f, MODEL_PAGES));
}

/* By bytes: only whole pages within the range go. */
static int op_punch(struct fuzz *f)
{
	struct model *m = model_any(f);
	size_t n, first = run_any(f, &n), cut = below(f, 2) * below(f, 100);

	if (fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      first * OS_PAGE + cut, n * OS_PAGE - cut)) {
		/* a copy whose last mapping was removed is gone */
		return errno == ENXIO && !m->maker ? 0 : failed("punch");
	}
	if (cut) {
		first++;
		n--;
	}
	model_zero(m, first, n);
	return 0;
}

static int op_remove(struct fuzz *f)
{
	struct model *m = model_any(f);
	size_t n, first = run_any(f, &n);

	if (!model_uniform(m, first, n) || !(m->prot[first] & PROT_WRITE))
		return 0;
	if (madvise(m->base + first * OS_PAGE, n * OS_PAGE, MADV_REMOVE))
		return failed("MADV_REMOVE");
	model_zero(m, first, n);
	return 0;
}

static int op_release(struct fuzz *f)
{
	struct model *m = model_any(f);
	struct arena a = { .fd = m->fd };
	struct hugearena_range r[8];
	size_t at = below(f, BLOCK_PAGES), nr = 0, len, i;

	while (nr < 8) {
		len = 1 + below(f, below(f, 4) ? 16 : BLOCK_PAGES);
		if (at + len > MODEL_PAGES)
			break;
		r[nr].offset = at * OS_PAGE;
		r[nr++].len = len * OS_PAGE;
		at += len + below(f, 2) * below(f, BLOCK_PAGES);
	}
	if (!nr)
		return 0;
	if (arena_release(&a, r, nr, NULL))
		return errno == ENXIO && !m->maker ? 0 : failed("RELEASE");
	for (i = 0; i < nr; i++)
		model_zero(m, r[i].offset / OS_PAGE, r[i].len / OS_PAGE);
	return 0;
}

static int op_join(struct fuzz *f)
{
	struct model *m = model_any(f);
	struct arena a = { .fd = m->fd };

	if (arena_join(&a, 0, MODEL_BLOCKS * BLOCK_LEN, NULL))
		return errno == ENXIO && !m->maker ? 0 : failed("JOIN");
	return 0;
}

static int op_blocks(struct fuzz *f)
{
	struct model *m = model_any(f);
	struct hugearena_block b[MODEL_BLOCKS];
	struct hugearena_blocks q = {
		.vec = (unsigned long)b,
		.nr = MODEL_BLOCKS,
		.flags = below(f, 2),
	};
	struct hugearena_stat st;
	struct arena a = { .fd = m->fd };

	if (ioctl(m->fd, HUGEARENA_IOC_BLOCKS, &q) != MODEL_BLOCKS ||
	    arena_stat(&a, &st))
		return errno == ENXIO && !m->maker ? 0 : failed("BLOCKS");
	return 0;
}

static int op_mprotect(struct fuzz *f)
{
	static const int prots[] = {
		PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE,
	};
	struct model *m = model_any(f);
	size_t n, first = run_any(f, &n);
	int prot = prots[below(f, 4)];

	if (!model_uniform(m, first, n))
		return 0;
	if (mprotect(m->base + first * OS_PAGE, n * OS_PAGE, prot))
		return failed("mprotect");
	model_protect(m, first, n, prot);
	return 0;
}

static int op_munmap(struct fuzz *f)
{
	struct model *m = model_any(f);
	size_t n, first = run_any(f, &n);

	if (below(f, 3))
		return 0;
	if (munmap(m->base + first * OS_PAGE, n * OS_PAGE))
		return failed("munmap");
	model_zero(m, first, n);
	model_protect(m, first, n, MODEL_UNMAPPED);
	return 0;
}

static int op_mmap(struct fuzz *f)
{
	struct model *m = model_any(f);
	size_t n, first = run_any(f, &n);
	char *at = m->base + first * OS_PAGE;
	void *p;

	p = mmap(at, n * OS_PAGE, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, m->fd, first * OS_PAGE);
	model_zero(m, first, n);
	if (p == at) {
		model_protect(m, first, n, PROT_READ | PROT_WRITE);
		return 0;
	}
	/* the old mapping is gone, and there is no new one */
	model_protect(m, first, n, MODEL_UNMAPPED);
	if (errno == EPERM && !m->maker)
		return munmap(at, n * OS_PAGE);
	return failed("mmap");
}

/* Advice that changes no content, whether it is allowed or not. */
static int op_advise(struct fuzz *f)
{
	static const int advices[] = {
		MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
		MADV_DONTNEED, MADV_DOFORK, MADV_MERGEABLE, MADV_UNMERGEABLE,
		MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP,
		MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ,
		MADV_POPULATE_WRITE, MADV_DONTNEED, 24 /* DONTNEED_LOCKED */,
		25 /* COLLAPSE */,
	};
	struct model *m = model_any(f);
	size_t n, first = run_any(f, &n);

	(void)!madvise(m->base + first * OS_PAGE, n * OS_PAGE,
		       advices[below(f, ARRAY_SIZE(advices))]);
	return 0;
}

static int op_lock(struct fuzz *f)
{
	struct model *m = model_any(f);
	size_t n, first = run_any(f, &n);
	char *at = m->base + first * OS_PAGE;

	if (!model_uniform(m, first, n))
		return 0;
	(void)!mlock(at, n * OS_PAGE);
	if (model_check(m, first, n, false))
		return -1;
	return munlock(at, n * OS_PAGE) ? failed("munlock") : 0;
}

static int op_mremap(struct fuzz *f)
{
	struct model *m = model_any(f);
	size_t n, first = run_any(f, &n);
	char *at = m->base + first * OS_PAGE;
	void *p;

	if (!model_uniform(m, first, n))
		return 0;
	p = mremap(at, n * OS_PAGE, (n + 1) * OS_PAGE, MREMAP_MAYMOVE);
	if (p != MAP_FAILED)
		return failed("mremap was allowed to grow");
	p = mremap(at, n * OS_PAGE, n * OS_PAGE, MREMAP_MAYMOVE |
		   MREMAP_FIXED, m->base + (1UL << 40));
	return p == MAP_FAILED ? 0 : failed("mremap was allowed to move");
}

/* Hold references to pages for a while, from outside of the arena. */
static int op_pin(struct fuzz *f)
{
	struct model *m = model_any(f);
	size_t n, first = run_any(f, &n);
	struct iovec iov = { m->base + first * OS_PAGE, 4 * OS_PAGE };
	char buf[16 * OS_PAGE];
	ssize_t got;

	if (f->in_pipe) {
		got = read(f->pipe[0], buf, sizeof(buf));
		if (got <= 0)
			return failed("read of a pipe");
		f->in_pipe -= got;
		return 0;
	}
	got = vmsplice(f->pipe[1], &iov, 1, SPLICE_F_NONBLOCK);
	if (got > 0)
		f->in_pipe += got;
	return 0;
}

static int op_look(struct fuzz *f)
{
	static const char *const files[] = {
		PROC_STAT, PROC_ARENAS, PROC_POOL, PROC_LATENCY,
		"/proc/self/smaps", "/proc/self/numa_maps",
		"/proc/self/pagemap",
	};
	static const char *const resets[] = { "1", "3", "4", "5" };
	char buf[4096];

	if (!below(f, 4))
		(void)!file_write("/proc/self/clear_refs",
				  resets[below(f, 4)]);
	(void)!file_read(files[below(f, ARRAY_SIZE(files))], buf, sizeof(buf));
	return 0;
}

static int op_numa(struct fuzz *f)
{
	struct model *m = model_any(f);
	size_t n, first = run_any(f, &n);
	unsigned long nodes = 1;
	char *at = m->base + first * OS_PAGE;
	void *page = at;
	int node = 0, status;

	if (below(f, 2))
		syscall(SYS_mbind, at, n * OS_PAGE, 1 + below(f, 3), &nodes, 8,
			below(f, 8));
	else
		syscall(SYS_move_pages, 0, 1, &page, &node, &status, 2);
	return 0;
}

static int op_param(struct fuzz *f)
{
	if (f->generation)
		return 0;
	if (below(f, 2))
		param_write("reserve_max", below(f, 9));
	else
		param_write("pool_target_mb", below(f, 9) * 2);
	return 0;
}

static int run(struct fuzz *f, unsigned long ops);

static int reap(struct fuzz *f, int i)
{
	int status = child_wait(f->child[i]);

	f->child[i] = 0;
	if (!status)
		return 0;
	printf("# a child of generation %u ended with %d\n", f->generation + 1,
	       status);
	return -1;
}

static int op_fork(struct fuzz *f)
{
	int i = below(f, CHILDREN);
	unsigned long ops = 10 + below(f, 150);
	__u64 seed = soak_random(&f->next);
	pid_t pid;

	if (f->child[i])
		return reap(f, i);
	/* in the first quarter there are no relatives, which refuse meshing */
	if (f->generation == GENERATIONS || f->done->ops < f->asked / 4)
		return 0;
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return failed("fork");
	if (pid) {
		f->child[i] = pid;
		return 0;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	kcov_forget();
	f->next = seed;
	f->generation++;
	memset(f->child, 0, sizeof(f->child));
	/* the pipe belongs to the parent, and so does its content */
	if (pipe(f->pipe))
		_exit(1);
	f->in_pipe = 0;
	for (i = 0; i < ARENAS; i++)
		f->m[i].maker = false;
	_exit(run(f, ops) ? 1 : 0);
}

/*
 * Meshing is refused while relatives are there, until upkeep, once a second, has
 * ended the sharing with them, and where a page is pinned: half of the time, see
 * to all that first, where no parent is in the way.
 */
static int op_mesh(struct fuzz *f)
{
	unsigned int tries = 1;
	int i, ret;

	if (!f->generation && below(f, 2)) {
		for (i = 0; i < CHILDREN; i++)
			if (f->child[i] && reap(f, i))
				return -1;
		while (f->in_pipe)
			if (op_pin(f))
				return -1;
		tries = 60;
	}
	ret = model_mesh(model_any(f), &f->rnd, tries);
	if (ret > 0)
		__atomic_fetch_add(&f->done->meshed, ret, __ATOMIC_RELAXED);
	return ret < 0 ? -1 : 0;
}

static int op_split(struct fuzz *f)
{
	return model_split(model_any(f), &f->rnd);
}

static int op_move(struct fuzz *f)
{
	int ret = model_move(model_any(f), &f->rnd);

	if (ret > 0)
		__atomic_fetch_add(&f->done->moved, ret, __ATOMIC_RELAXED);
	return ret < 0 ? -1 : 0;
}

static const struct {
	const char *name;
	int (*fn)(struct fuzz *f);
	unsigned int weight;
} ops[] = {
	{ "write", op_write, 12 },
	{ "read", op_read, 8 },
	{ "forbidden", op_forbidden, 1 },
	{ "punch", op_punch, 4 },
	{ "remove", op_remove, 2 },
	{ "release", op_release, 3 },
	{ "join", op_join, 3 },
	{ "blocks", op_blocks, 1 },
	{ "mprotect", op_mprotect, 3 },
	{ "munmap", op_munmap, 2 },
	{ "mmap", op_mmap, 3 },
	{ "advise", op_advise, 4 },
	{ "lock", op_lock, 1 },
	{ "mremap", op_mremap, 1 },
	{ "pin", op_pin, 2 },
	{ "look", op_look, 1 },
	{ "numa", op_numa, 1 },
	{ "parameter", op_param, 1 },
	{ "fork", op_fork, 2 },
	{ "mesh", op_mesh, 4 },
	{ "split", op_split, 1 },
	{ "move", op_move, 2 },
};

/* Check every page, or one in @step: reading it again is a fault. */
static int check_all(struct fuzz *f, size_t step)
{
	size_t page;
	int i, bad = 0;

	for (i = 0; i < ARENAS; i++)
		for (page = below(f, step); !bad && page < MODEL_PAGES;
		     page += step)
			bad |= model_check(&f->m[i], page, 1, false);
	return bad;
}

static size_t op_any(struct fuzz *f)
{
	unsigned int sum = 0, at;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		sum += ops[i].weight;
	at = below(f, sum);
	for (i = 0; at >= ops[i].weight; i++)
		at -= ops[i].weight;
	return i;
}

static int run(struct fuzz *f, unsigned long count)
{
	__u64 seed = f->next, number;
	unsigned long n;
	size_t i = 0;
	int bad = 0;

	for (n = 0; !bad && n < count && f->done->ops < f->asked; n++) {
		number = known_or_new(&f->next);
		f->rnd = number;
		i = op_any(f);
		bad = ops[i].fn(f);
		if (kcov_new())
			known_add(number);
		if (!bad && n % 64 == 63)
			bad = check_all(f, SAMPLE);
		__atomic_fetch_add(&f->done->ops, 1, __ATOMIC_RELAXED);
	}
	if (bad)
		printf("# generation %u, seed %llu, operation %lu, %s\n",
		       f->generation, seed, n, ops[i].name);
	for (i = 0; i < CHILDREN; i++)
		if (f->child[i])
			bad |= reap(f, i);
	if (!bad) {
		bad = check_all(f, f->generation ? SAMPLE : 1);
		if (bad)
			printf("# generation %u, seed %llu, at the end\n",
			       f->generation, seed);
	}
	fflush(stdout);
	return bad;
}

int main(void)
{
	static struct fuzz f;
	struct held before;
	int i, bad;

	ksft_print_header();
	ksft_set_plan(1);
	f.next = soak_seed(20240229);
	f.asked = soak_count(FIGURE);
	/* children run up to 160 each */
	if (f.asked < LEAST && !getenv("COUNT"))
		f.asked = LEAST;
	f.done = mmap(NULL, sizeof(*f.done), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (f.done == MAP_FAILED)
		ksft_exit_fail_msg("no memory\n");
	known_read();
	if (params_reset() || held_read(&before) || pipe(f.pipe))
		ksft_exit_fail_msg("no module: %s\n", strerror(errno));
	for (i = 0; i < ARENAS; i++)
		if (model_make(&f.m[i]))
			ksft_exit_fail_msg("no arena: %s\n", strerror(errno));
	if (noise_start(f.m, ARENAS))
		ksft_exit_fail_msg("no thread\n");
	ksft_print_msg("seed %llu, %zu operations known\n", f.next, known_count());
	i = kcov_begin();
	bad = run(&f, f.asked);
	if (!i)
		ksft_print_msg("%u places reached, %zu operations known\n",
			       kcov_total(), known_count());
	ksft_print_msg("%lu pairs meshed, %lu blocks moved\n", f.done->meshed,
		       f.done->moved);
	known_write();
	noise_stop();
	close(f.pipe[0]);
	close(f.pipe[1]);
	for (i = 0; i < ARENAS; i++) {
		munmap(f.m[i].base, MODEL_BLOCKS * BLOCK_LEN);
		close(f.m[i].fd);
	}
	params_reset();
	bad |= held_back_to(&before) != 0;
	soak_report("fuzz-map", f.asked, f.done->ops, bad != 0);
	ksft_test_result(!bad, "%lu operations\n", f.done->ops);
	ksft_finished();
}
