// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program sees of the libraries above libshim, in C that every C library
 * compiles: box, co and gc on other compilers' and other libraries' builds, run
 * by run.  TAP; nothing of the kselftest framework, see portable.c.
 *
 * Usage: above [-e]	-e: under an emulator of programs that knows neither
 *			preadv2() nor the signals that stop threads
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim_co.h"
#include "shim_gc.h"
#include "shim_heap.h"
#include "shim_rc.h"
#include "shim_region.h"

#define OBJECTS	2000

#ifdef FOREIGN_LIBGCC
#include <link.h>

/*
 * A libgcc_eh that was built for glibc asks the C library where a frame's
 * tables are, whichever library it is linked with.  The structure is glibc's.
 */
struct dl_found {
	unsigned long long flags;
	void *start;
	void *end;
	void *map;
	void *eh_frame;
	unsigned long long reserved[7];
};

struct dl_query {
	uintptr_t pc;
	struct dl_found *found;
};

static int dl_look(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct dl_query *q = arg;
	uintptr_t tables = 0;
	int i, here = 0;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		size_t len = info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
			tables = at;
		if (info->dlpi_phdr[i].p_type != PT_LOAD || q->pc < at ||
		    q->pc - at >= len)
			continue;
		here = 1;
		q->found->start = (void *)at;
		q->found->end = (void *)(at + len);
	}
	if (!here || !tables)
		return 0;
	q->found->eh_frame = (void *)tables;
	return 1;
}

int _dl_find_object(void *pc, struct dl_found *found);

int _dl_find_object(void *pc, struct dl_found *found)
{
	struct dl_query q = { (uintptr_t)pc, found };

	memset(found, 0, sizeof(*found));
	return dl_iterate_phdr(dl_look, &q) ? 0 : -1;
}
#endif

static int cases, failed;

static void check(int ok, const char *what)
{
	printf("%sok %d %s\n", ok ? "" : "not ", ++cases, what);
	failed += !ok;
}

static void regions(void)
{
	struct shim_region *r = shim_region_new(0, 0);
	int i, wrong = 0;
	char *p[OBJECTS];

	for (i = 0; r && i < OBJECTS; i++) {
		p[i] = shim_region_alloc(r, 1 + (size_t)i % 300);
		wrong += !p[i] || (uintptr_t)p[i] % 16;
		if (p[i])
			memset(p[i], i, 1 + (size_t)i % 300);
	}
	for (i = 0; r && !wrong && i < OBJECTS; i++)
		wrong += *p[i] != (char)i || p[i][i % 300] != (char)i;
	check(r && !wrong, "a region keeps what is written to it");
	shim_region_free(r);
}

static void heaps(void)
{
	struct shim_heap *h = shim_heap_new(0);
	struct shim_heap_stat st;
	char *p[OBJECTS];
	int i, wrong = !h;

	for (i = 0; h && i < OBJECTS; i++) {
		p[i] = shim_heap_alloc(h, 8 + (size_t)i % 500);
		wrong += !p[i];
		if (p[i])
			memset(p[i], i, 8 + (size_t)i % 500);
	}
	for (i = 0; h && i < OBJECTS; i += 2)
		shim_heap_free(h, p[i]);
	for (i = 1; h && !wrong && i < OBJECTS; i += 2)
		wrong += *p[i] != (char)i || p[i][7 + i % 500] != (char)i;
	check(!wrong, "a heap keeps what is not freed");
	if (h)
		shim_heap_get_stat(h, &st);
	check(h && st.objects == OBJECTS / 2, "and counts it");
	shim_heap_destroy(h);
}

struct node {
	struct node *next;
	int value;
};

static int ended;

static void node_end(void *p)
{
	struct node *n = p;

	ended++;
	if (n->next)
		shim_rc_put(n->next);
}

static void counted(void)
{
	static const struct shim_rc_type type = {
		.size = sizeof(struct node), .fini = node_end, .name = "node",
	};
	struct node *head = NULL, *n;
	int i;

	for (i = 0; i < OBJECTS; i++) {
		n = shim_rc_new(&type);
		if (!n)
			break;
		n->next = head;
		n->value = i;
		head = n;
	}
	shim_rc_put(head);
	check(ended == OBJECTS, "the last reference ends a list");
}

static void *counts(void *arg)
{
	intptr_t n = (intptr_t)arg, sum = 0;

	while (n--)
		sum += (intptr_t)shim_co_yield((void *)sum);
	return (void *)sum;
}

static void coroutines(void)
{
	struct shim_co *co = shim_co_new(counts, (void *)10, NULL);
	intptr_t i, last = -1;

	check(!!co, "a coroutine has a stack");
	if (!co)
		return;
	for (i = 0; i <= 10; i++)
		last = (intptr_t)shim_co_resume(co, (void *)i);
	check(last == 55 && shim_co_state(co) == SHIM_CO_DONE,
	      "it yields and is resumed to its end");
	shim_co_free(co);
}

static int fds[2];
static int got;

static void *reads(void *arg)
{
	char c;

	(void)arg;
	while (shim_co_read(fds[0], &c, 1) == 1)
		got += c;
	return NULL;
}

static void *writes(void *arg)
{
	char c;
	int i;

	(void)arg;
	for (i = 1; i <= 100; i++) {
		c = 1;
		if (shim_co_write(fds[1], &c, 1) != 1)
			break;
		shim_co_sleep(1000);
	}
	close(fds[1]);
	return NULL;
}

static void queues(unsigned int flags)
{
	struct shim_co_queue *q = shim_co_queue_new(flags);

	got = 0;
	if (!q || pipe(fds)) {
		check(0, "a queue");
		return;
	}
	printf("# waits by %s\n", shim_co_queue_kind(q));
	shim_co_go(q, reads, NULL, NULL);
	shim_co_go(q, writes, NULL, NULL);
	check(!shim_co_run(q) && got == 100, "calls that seem to block");
	close(fds[0]);
	shim_co_queue_free(q);
}

static struct node *root;
static __thread struct node *volatile mine;
static pthread_key_t key;

/*
 * Only this thread's own storage refers to the objects, the stack no longer
 * does.
 */
static __attribute__((noinline)) void hidden_make(struct shim_gc_weak **weak)
{
	struct node *p = shim_gc_alloc(sizeof(*p));

	weak[0] = shim_gc_weak_new(p, SHIM_GC_SHORT);
	mine = p;
	p = shim_gc_alloc(sizeof(*p));
	weak[1] = shim_gc_weak_new(p, SHIM_GC_SHORT);
	pthread_setspecific(key, p);
	p = shim_gc_alloc(sizeof(*p));
	weak[2] = shim_gc_weak_new(p, SHIM_GC_SHORT);
}

static __attribute__((noinline)) int stack_wiped(int depth)
{
	volatile char junk[512] = { 0 };

	return depth ? stack_wiped(depth - 1) + junk[depth] : junk[0];
}

static void *hides(void *arg)
{
	struct shim_gc_weak *weak[3];

	(void)arg;
	hidden_make(weak);
	if (stack_wiped(20) || shim_gc_collect())
		return (void *)"no collection";
	if (!shim_gc_weak_get(weak[0]))
		return (void *)"thread-local storage";
	if (!shim_gc_weak_get(weak[1]))
		return (void *)"pthread_setspecific()";
	if (shim_gc_weak_get(weak[2]))
		return (void *)"what nobody has stays, too";
	return NULL;
}

static void threads(void)
{
	void *wrong = NULL;
	pthread_t t;

	pthread_key_create(&key, NULL);
	wrong = hides(NULL);
	check(!wrong, "the first thread's own storage is looked at");
	if (wrong)
		printf("# %s\n", (char *)wrong);
	wrong = NULL;
	check(!pthread_create(&t, NULL, hides, NULL) &&
	      !pthread_join(t, &wrong) && !wrong, "and another thread's");
	if (wrong)
		printf("# %s\n", (char *)wrong);
}

static void collected(void)
{
	struct shim_gc_stat st;
	int i, n = 0;

	if (shim_gc_init(NULL)) {
		check(0, "the collector begins");
		return;
	}
	shim_gc_root_add(&root, sizeof(root));
	for (i = 0; i < OBJECTS; i++) {
		struct node *p = shim_gc_alloc(sizeof(*p)), *junk;

		junk = shim_gc_alloc(1000);
		if (!p || !junk)
			break;
		p->value = i;
		shim_gc_store(&p->next, root);
		shim_gc_store(&root, p);
	}
	check(i == OBJECTS && !shim_gc_collect(), "a collection ends");
	for (; root; root = root->next)
		n += root->value == --i;
	check(n == OBJECTS, "what is reached stays");
	shim_gc_get_stat(&st, sizeof(st));
	check(st.collections > 0, "and it was counted");
	threads();
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	regions();
	heaps();
	counted();
	coroutines();
	(void)argv;
	if (argc == 1) {
		queues(0);
		queues(SHIM_CO_EPOLL);
		collected();
	}
	printf("1..%d\n", cases);
	return failed ? 1 : 0;
}
