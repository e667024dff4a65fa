// SPDX-License-Identifier: GPL-2.0-only
/*
 * memcg: typical uses in a memory control group that is a little larger than
 * their live data.  If a process is killed there, the heap has kept unused
 * memory.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memcg.h"
#include "patience.h"
#include "shim.h"

#define MIB	((size_t)1 << 20)
/* An arena keeps up to 8 blocks zeroed ahead of demand, charged to its group. */
#define RESERVE	(16 * MIB)

/* The program, page tables, the kernel's records. */
#define BASE	(12 * MIB)

static uint64_t random_next(uint64_t *x)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return *x >> 33;
}

static void *filled(size_t size)
{
	void *p = malloc(size);

	if (!p)
		_exit(3);
	return memset(p, 1, size);
}

/* 120 MiB of objects that leave nearly half of their last block unused. */
static void tails(void)
{
	unsigned int i;

	for (i = 0; i < 120; i++)
		filled(MIB + 1);
}

static void tails_of_two(void)
{
	unsigned int i;

	for (i = 0; i < 60; i++)
		filled(2 * MIB + 64);
}

/* An array of 100 MiB that grows by a page at a time, among other objects. */
static void steps(void)
{
	const size_t step = 4096, n = 100 * MIB / step;
	void **list = NULL, **node;
	char *p = NULL;
	size_t i;

	for (i = 1; i <= n; i++) {
		p = realloc(p, i * step);
		if (!p)
			_exit(3);
		memset(p + (i - 1) * step, 1, step);
		node = malloc(40);
		if (!node)
			_exit(3);
		*node = list;
		list = node;
	}
}

/* 80 MiB, of which a tenth stays, scattered; then 60 MiB of another size. */
static void thinned(void)
{
	enum { N = 80 * 256 };
	static void *p[N];
	uint64_t x = 7;
	unsigned int i;

	for (i = 0; i < N; i++)
		p[i] = filled(4000);
	for (i = 0; i < N; i++)
		if (random_next(&x) % 10)
			free(p[i]);
	for (i = 0; i < 600; i++)
		filled(100 * 1024);
}

/* 60 MiB, whose sizes change from 200 to 6,400 bytes at most. */
static void drift(void)
{
	enum { N = 40000 };
	static void *p[N];
	static size_t size[N];
	size_t live = 0, n;
	uint64_t x = 7;
	unsigned int round, i, k;

	for (round = 0; round < 6; round++)
		for (i = 0; i < 300000; i++) {
			k = random_next(&x) % N;
			if (p[k]) {
				live -= size[k];
				free(p[k]);
				p[k] = NULL;
			}
			n = 1 + random_next(&x) % (200u << round);
			if (live + n >= 60 * MIB)
				continue;
			p[k] = filled(n);
			size[k] = n;
			live += n;
		}
}

static const struct shape {
	const char *name;
	void (*run)(void);
} shapes[] = {
	{ "tails", tails },
	{ "tails_of_two", tails_of_two },
	{ "steps", steps },
	{ "thinned", thinned },
	{ "drift", drift },
};

/* Start it anew in a group, since a process reads its limits at its start. */
static void __attribute__((constructor)) run_shape(void)
{
	const char *name = getenv("MEMCG_SHAPE");
	const char *group = getenv("MEMCG_GROUP");
	struct memcg m = { "" };
	unsigned int i;

	if (!name)
		return;
	if (group) {
		free(filled(8 * MIB));
		snprintf(m.path, sizeof(m.path), "%s", group);
		if (memcg_enter(&m))
			_exit(2);
	}
	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		if (strcmp(name, shapes[i].name))
			continue;
		shapes[i].run();
		_exit(0);
	}
	_exit(4);
}

FIXTURE(group) {
	struct memcg m;
};

FIXTURE_VARIANT(group) {
	const char *shape;
	size_t live;
	size_t percent;
	bool late;		/* it enters the group after it has started */
};

FIXTURE_VARIANT_ADD(group, tails) {
	.shape = "tails", .live = 120 * MIB, .percent = 130
};

FIXTURE_VARIANT_ADD(group, tails_late) {
	.shape = "tails", .live = 120 * MIB, .percent = 130, .late = true
};

FIXTURE_VARIANT_ADD(group, tails_of_two) {
	.shape = "tails_of_two", .live = 120 * MIB, .percent = 130
};

/* Beyond populate_max it is anonymous memory, and moves by page tables. */
FIXTURE_VARIANT_ADD(group, steps) {
	.shape = "steps", .live = 102 * MIB, .percent = 140
};

FIXTURE_VARIANT_ADD(group, thinned) {
	.shape = "thinned", .live = 80 * MIB, .percent = 130
};

/*
 * Objects of many sizes leave more than a third unused between them: a span
 * keeps its pages as long as one object on them lives.
 */
FIXTURE_VARIANT_ADD(group, drift) {
	.shape = "drift", .live = 60 * MIB, .percent = 190
};

FIXTURE_SETUP(group)
{
	if (memcg_make(&self->m, "shim"))
		SKIP(return, "no memory control group can be made here");
}

FIXTURE_TEARDOWN(group)
{
	if (self->m.path[0])
		EXPECT_EQ(0, memcg_drop(&self->m));
}

static const char *backend(void)
{
	static char text[16];
	size_t len = sizeof(text);

	free(malloc(1));
	shim_ctl("backend", text, &len, NULL, 0);
	return text;
}

TEST_F(group, lives)
{
	size_t limit = variant->live / 100 * variant->percent + BASE +
		       (strcmp(backend(), "kmod") ? 0 : RESERVE);
	int status;
	pid_t pid;

	ASSERT_EQ(0, memcg_write(&self->m, "memory.max", (long long)limit));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (variant->late)
			setenv("MEMCG_GROUP", self->m.path, 1);
		else if (memcg_enter(&self->m))
			_exit(2);
		setenv("MEMCG_SHAPE", variant->shape, 1);
		execl("/proc/self/exe", "memcg", NULL);
		_exit(5);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status)) {
		TH_LOG("killed by signal %d", WTERMSIG(status));
	}
	EXPECT_EQ(0, WEXITSTATUS(status));
}

TEST_HARNESS_MAIN
