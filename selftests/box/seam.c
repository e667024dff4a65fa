// SPDX-License-Identifier: GPL-2.0-only
/* seam: what the libraries above get from the core, and nothing else. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patience.h"

#include "seam/seam.h"
#include "shim.h"
#include "shim_heap.h"
#include "shim_pool.h"
#include "shim_rc.h"
#include "shim_region.h"

static const struct seam_owner owner = { "test's heap", SEAM_BOX };
static const struct seam_owner other = { "test's stack", SEAM_CO };

static uint64_t number(const char *name)
{
	uint64_t n = 0;
	size_t len = sizeof(n);

	return shim_ctl(name, &n, &len, NULL, 0) ? UINT64_MAX : n;
}

TEST(it_is_this_version)
{
	ASSERT_TRUE(seam_is_here());
	EXPECT_EQ(SEAM_VERSION, seam_version());
}

TEST(a_span_is_found_by_every_address_in_it)
{
	struct seam_span *a, *b;
	size_t npages, i;
	bool zero;

	for (npages = 1; npages < 600; npages = npages * 3 + 1) {
		a = seam_span_get(npages, 1, &owner, &npages, &zero);
		b = seam_span_get(1, 1, &other, NULL, NULL);
		ASSERT_NE(NULL, a);
		ASSERT_NE(NULL, b);
		EXPECT_EQ(npages * SEAM_PAGE_SIZE, a->bytes);
		EXPECT_EQ(&owner, a->owner);
		EXPECT_EQ(&npages, a->data);
		for (i = 0; i < a->bytes; i += 1000)
			ASSERT_EQ(a, seam_span_of((char *)a->start + i));
		EXPECT_EQ(a, seam_span_of((char *)a->start + a->bytes - 1));
		EXPECT_NE(a, seam_span_of((char *)a->start + a->bytes));
		EXPECT_NE(a, seam_span_of((char *)a->start - 1));
		EXPECT_EQ(b, seam_span_of((void *)b->start));
		EXPECT_EQ(&other, seam_span_of((void *)b->start)->owner);
		for (i = 0; zero && i < a->bytes; i++)
			ASSERT_EQ(0, ((char *)a->start)[i]);
		memset((void *)a->start, 0xff, a->bytes);
		i = a->start;
		seam_span_put(a);
		EXPECT_EQ(NULL, seam_span_of((void *)i));
		seam_span_put(b);
	}
}

/*
 * A span that was put is not found at its place once another span lies there,
 * whichever of them has its descriptor now.
 */
TEST(what_was_put_is_forgotten)
{
	struct seam_span *a, *b[8], *s;
	uintptr_t start;
	size_t bytes, i, k;

	for (k = 0; k < 50; k++) {
		a = seam_span_get(20 + k, 1, &owner, NULL, NULL);
		ASSERT_NE(NULL, a);
		start = a->start;
		bytes = a->bytes;
		seam_span_put(a);
		for (i = 0; i < 8; i++)
			b[i] = seam_span_get(1 + i % 2, 1, &other, NULL, NULL);
		for (i = 0; i < bytes; i += 4096) {
			s = seam_span_of((char *)start + i);
			if (s)
				ASSERT_GT(s->bytes, start + i - s->start);
		}
		for (i = 0; i < 8; i++)
			seam_span_put(b[i]);
	}
}

TEST(an_alignment_is_kept)
{
	struct seam_span *s;
	size_t align;

	for (align = 1; align <= 1024; align *= 2) {
		s = seam_span_get(3, align, &owner, NULL, NULL);
		ASSERT_NE(NULL, s);
		EXPECT_EQ(0, s->start & (align * SEAM_PAGE_SIZE - 1));
		seam_span_put(s);
	}
}

TEST(a_span_longer_than_an_area_is_found_inside)
{
	const size_t npages = (size_t)200 << 20 >> SEAM_PAGE_SHIFT;
	struct seam_span *s = seam_span_get(npages, 1, &owner, NULL, NULL);
	size_t i;

	ASSERT_NE(NULL, s);
	for (i = 0; i < s->bytes; i += (size_t)7 << 20)
		ASSERT_EQ(s, seam_span_of((char *)s->start + i + 17));
	EXPECT_EQ(s, seam_span_of((char *)s->start + s->bytes - 1));
	EXPECT_NE(s, seam_span_of((char *)s->start + s->bytes));
	seam_span_put(s);
}

TEST(what_is_nobodys_is_not_found)
{
	void *small = malloc(40), *large = malloc(1 << 20);
	int local;

	EXPECT_EQ(NULL, seam_span_of(NULL));
	EXPECT_EQ(NULL, seam_span_of(&local));
	EXPECT_EQ(NULL, seam_span_of((void *)UINTPTR_MAX));
	EXPECT_EQ(NULL, seam_span_of(small));
	EXPECT_EQ(NULL, seam_span_of(large));
	free(small);
	free(large);
}

TEST(no_memory_is_said)
{
	EXPECT_EQ(NULL, seam_span_get(0, 1, &owner, NULL, NULL));
	EXPECT_EQ(NULL, seam_span_get(SIZE_MAX, 1, &owner, NULL, NULL));
	EXPECT_EQ(NULL, seam_span_get((size_t)1 << 40, 1, &owner, NULL, NULL));
}

/* What a child that frees @p writes to standard error. */
static void free_in_child(void *p, char *text, size_t len, int *status)
{
	int fd[2];
	ssize_t n;
	size_t at = 0;
	pid_t pid;

	if (pipe(fd))
		abort();
	pid = fork();
	if (!pid) {
		dup2(fd[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		free(p);
		_exit(0);
	}
	close(fd[1]);
	while ((n = read(fd[0], text + at, len - 1 - at)) > 0)
		at += (size_t)n;
	text[at] = '\0';
	close(fd[0]);
	waitpid(pid, status, 0);
}

TEST(free_reports_whose_memory_it_is)
{
	struct seam_span *s = seam_span_get(2, 1, &owner, NULL, NULL);
	char text[4096];
	int status;

	free_in_child((char *)s->start + 8256, text, sizeof(text), &status);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	EXPECT_NE(NULL, strstr(text, "is memory of a test's heap"));
	free_in_child((void *)s->start, text, sizeof(text), &status);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	EXPECT_NE(NULL, strstr(text, "did not come from malloc()"));
	seam_span_put(s);
}

TEST(a_layers_numbers_are_among_the_others)
{
	static struct seam_stat stat[] = {
		{ "co.first", 7 }, { "co.second", 8 },
	};
	static struct seam_stat more[] = {
		{ "gc.first", 17 }, { "gc.second", 18 }, { "gc.third", 19 },
	};
	char names[8192];
	size_t len = sizeof(names);

	EXPECT_EQ(UINT64_MAX, number("co.first"));
	seam_stat_register(SEAM_CO, stat, 2);
	EXPECT_EQ(7, number("co.first"));
	EXPECT_EQ(8, number("co.second"));
	stat[1].value = 9;
	EXPECT_EQ(9, number("co.second"));
	EXPECT_EQ(0, shim_ctl("names", names, &len, NULL, 0));
	EXPECT_NE(NULL, strstr(names, "\nco.second\n"));
	EXPECT_NE(NULL, strstr(names, "\nclass.<n>.cached\n"));
	EXPECT_EQ(-1, shim_ctl("co.first", NULL, NULL, names, 8));
	EXPECT_EQ(UINT64_MAX, number("co.third"));
	/* those of a layer behind it */
	seam_stat_register(SEAM_GC, more, 3);
	EXPECT_EQ(17, number("gc.first"));
	EXPECT_EQ(18, number("gc.second"));
	EXPECT_EQ(19, number("gc.third"));
	EXPECT_EQ(7, number("co.first"));
	EXPECT_EQ(9, number("co.second"));
	len = sizeof(names);
	EXPECT_EQ(0, shim_ctl("names", names, &len, NULL, 0));
	EXPECT_NE(NULL, strstr(names, "\nco.second\n"));
	EXPECT_NE(NULL, strstr(names, "\ngc.third\n"));
}

/* What heaps of each kind have is among the numbers, and with them it goes. */
TEST(heaps_are_counted_while_they_live)
{
	static const unsigned int kinds[] = {
		SHIM_HEAP_SEGREGATED, SHIM_HEAP_FIRST, SHIM_HEAP_NEXT,
		SHIM_HEAP_BEST,
	};
	struct shim_heap *heap[ARRAY_SIZE(kinds)];
	uint64_t heaps, bytes, spans, held = 0, nr = 0;
	struct shim_heap_stat st;
	unsigned int i, k;

	/* before the first one the layer has said nothing of itself */
	shim_heap_destroy(shim_heap_new(0));
	heaps = number("box.heaps");
	bytes = number("box.heap_bytes");
	spans = number("box.heap_spans");
	ASSERT_NE(UINT64_MAX, heaps);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		heap[i] = shim_heap_new(kinds[i]);
		ASSERT_NE(NULL, heap[i]);
		for (k = 0; k < 5000; k++)
			ASSERT_NE(NULL, shim_heap_alloc(heap[i], 16 + k));
		ASSERT_NE(NULL, shim_heap_alloc(heap[i], 1 << 20));
		shim_heap_get_stat(heap[i], &st);
		held += st.held;
		nr += st.spans;
	}
	EXPECT_EQ(heaps + ARRAY_SIZE(kinds), number("box.heaps"));
	EXPECT_EQ(bytes + held, number("box.heap_bytes"));
	EXPECT_EQ(spans + nr, number("box.heap_spans"));
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		shim_heap_destroy(heap[i]);
	EXPECT_EQ(heaps, number("box.heaps"));
	EXPECT_EQ(bytes, number("box.heap_bytes"));
	EXPECT_EQ(spans, number("box.heap_spans"));
}

struct pair {
	struct pair *other;
};

static void pair_trace(void *obj, void (*visit)(void *child, void *arg),
		       void *arg)
{
	visit(((struct pair *)obj)->other, arg);
}

static const struct shim_rc_type pairs = {
	"pair", sizeof(struct pair), SHIM_RC_CYCLIC, pair_trace, NULL
};

/* Regions and pools count while they live, the dead in circles for ever. */
TEST(regions_pools_and_circles_are_counted)
{
	struct shim_region *region;
	uint64_t regions, pools, dead;
	struct shim_pool *pool;
	struct pair *a, *b;

	shim_heap_destroy(shim_heap_new(0));
	regions = number("box.regions");
	pools = number("box.pools");
	dead = number("box.rc_cycles");
	ASSERT_NE(UINT64_MAX, regions);
	region = shim_region_new(0, 0);
	pool = shim_pool_new(48, 16, NULL);
	a = shim_rc_new(&pairs);
	b = shim_rc_new(&pairs);
	ASSERT_TRUE(region && pool && a && b);
	EXPECT_EQ(regions + 1, number("box.regions"));
	EXPECT_EQ(pools + 1, number("box.pools"));
	shim_region_free(region);
	shim_pool_free(pool);
	EXPECT_EQ(regions, number("box.regions"));
	EXPECT_EQ(pools, number("box.pools"));
	a->other = b;
	b->other = shim_rc_get(a);
	shim_rc_put(a);
	EXPECT_EQ(dead, number("box.rc_cycles"));
	EXPECT_EQ(2, shim_rc_collect());
	EXPECT_EQ(dead + 2, number("box.rc_cycles"));
}

static char order[32];

static void note(char c)
{
	order[strlen(order)] = c;
}

#define HANDLERS(name, c)						\
	static void name##_prepare(void) { note(c); }			\
	static void name##_parent(void) { note(c); }			\
	static void name##_child(void) { note(c); note('c'); }		\
	static const struct seam_fork name##_fork = {			\
		name##_prepare, name##_parent, name##_child }

HANDLERS(box, 'b');
HANDLERS(co, 's');
HANDLERS(gc, 'g');

TEST(around_fork_the_layers_are_called_in_order)
{
	int status;
	pid_t pid;

	seam_on_fork(SEAM_BOX, &box_fork);
	seam_on_fork(SEAM_GC, &gc_fork);
	seam_on_fork(SEAM_CO, &co_fork);
	pid = fork();
	if (!pid) {
		/* the core works in the child, and it can get spans */
		struct seam_span *s = seam_span_get(1, 1, &owner, NULL, NULL);

		_exit(strcmp(order, "gsbbcscgc") || !s ? 1 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_STREQ("gsbbsg", order);
}

static int idled;

static void on_idle(void)
{
	__atomic_store_n(&idled, 1, __ATOMIC_RELAXED);
}

TEST(when_there_is_time_a_layer_is_called)
{
	struct seam_span *s;
	size_t i;

	seam_on_idle(SEAM_GC, on_idle);
	s = seam_span_get((size_t)64 << 20 >> SEAM_PAGE_SHIFT, 1, &owner, NULL,
			  NULL);
	ASSERT_NE(NULL, s);
	for (i = 0; i < s->bytes; i += 4096)
		((char *)s->start)[i] = 1;
	seam_span_put(s);
	/*
	 * idle work is done by threads that free; the harness limits the wait
	 */
	while (!__atomic_load_n(&idled, __ATOMIC_RELAXED)) {
		free(malloc((size_t)2 << 20));
		if (++i % 64 == 0)
			usleep(1000);
	}
}

TEST(usage_follows)
{
	struct seam_usage before, after;
	struct seam_span *s;

	seam_usage(&before);
	s = seam_span_get((size_t)8 << 20 >> SEAM_PAGE_SHIFT, 1, &owner, NULL,
			  NULL);
	ASSERT_NE(NULL, s);
	seam_usage(&after);
	EXPECT_GE(after.bytes, before.bytes + ((size_t)6 << 20));
	EXPECT_EQ(0, after.pressure);
	seam_span_put(s);
}

TEST(an_arena_without_the_module_is_refused)
{
	struct seam_arena a;
	int ret;

	EXPECT_EQ(-EINVAL, seam_arena(&a, 0, 0, 4096, "x"));
	EXPECT_EQ(-EINVAL, seam_arena(&a, 0, 0, 0, "x"));
	if (access("/dev/hugearena", F_OK)) {
		EXPECT_EQ(-ENOENT, seam_arena(&a, 0, 0, SEAM_BLOCK_SIZE, "x"));
		return;
	}
	ret = seam_arena(&a, 0, 0, 4 * SEAM_BLOCK_SIZE, "x");
	ASSERT_EQ(0, ret);
	memset((void *)a.base, 1, SEAM_BLOCK_SIZE);
	EXPECT_EQ(1, seam_release(&a, &(struct seam_range){ 0, 4096 }, 1));
	EXPECT_EQ(0, *(char *)a.base);
	seam_arena_put(&a);
}

#define THREADS	4
#define ROUNDS	20000

static void *churn(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	struct seam_span *mine[8] = { NULL };
	uintptr_t bad = 0;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		unsigned int k = (unsigned int)rand_r(&seed) % 8;

		if (mine[k]) {
			bad += seam_span_of((char *)mine[k]->start + 5000) !=
			       mine[k] || mine[k]->data != &mine[k];
			seam_span_put(mine[k]);
			mine[k] = NULL;
		} else {
			mine[k] = seam_span_get(1 + k, 1, &owner, &mine[k],
						NULL);
			bad += !mine[k];
		}
	}
	for (i = 0; i < 8; i++)
		if (mine[i])
			seam_span_put(mine[i]);
	return (void *)bad;
}

TEST(threads_do_not_get_in_each_others_way)
{
	pthread_t t[THREADS];
	uintptr_t i;
	void *bad;

	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, churn, (void *)i));
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], &bad);
		EXPECT_EQ(NULL, bad);
	}
}

TEST_HARNESS_MAIN
