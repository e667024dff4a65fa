// SPDX-License-Identifier: GPL-2.0-only
/*
 * victim: misuses malloc() in the way that its argument says, for detect.c and
 * guard.c.  A misuse that goes unnoticed ends with "alive" and status 0.
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "victim.h"

#define MANY	20000

void free_sized(void *p, size_t size);

/* Put everything that is cached back into its span. */
static void flush(void)
{
	malloc_trim(0);
}

/* Another object of the same span, which keeps the span alive. */
static void *volatile neighbour;

static void double_at_once(void)
{
	char *p = malloc(100);

	neighbour = malloc(100);
	free(p);
	free(p);
}

static void double_later(void)
{
	char *p = malloc(100);
	char *q = malloc(100);

	neighbour = malloc(100);
	free(p);
	free(q);
	free(p);
	flush();
}

/*
 * Nobody empties a cache, not even as the process ends, and the objects freed in
 * between hide it from a cache: it is found at once, or not at all.
 */
static void double_unflushed(void)
{
	char *p[4];
	unsigned int i;

	for (i = 0; i < 4; i++)
		p[i] = malloc(100);
	neighbour = malloc(100);
	for (i = 0; i < 4; i++)
		free(p[i]);
	free(p[0]);
	_exit(0);
}

static void double_far(void)
{
	static char *p[MANY];
	unsigned int i;

	for (i = 0; i < MANY; i++)
		p[i] = malloc(64);
	for (i = 0; i < MANY; i += 2)
		free(p[i]);
	free(p[MANY / 2]);
	flush();
}

static void nothing(void)
{
	free(malloc(100));
}

static void double_large(void)
{
	char *p = malloc(1000000);

	free(p);
	free(p);
}

/* Its span has come and gone before, and its CPU keeps it by now. */
static void double_large_kept(void)
{
	char *p;
	int i;

	for (i = 0; i < 100; i++)
		free(malloc(i % 2 ? 200000 : 60000));
	p = malloc(60000);
	free(p);
	free(malloc(200000));
	free(p);
}

/* On the first page of one whose length its CPU keeps. */
static void interior_large_kept(void)
{
	char *p;
	int i;

	for (i = 0; i < 16; i++)
		free(malloc(100 << 10));
	p = malloc(100 << 10);
	free(p + 4096);
}

/* The span does not exist any more. */
static void double_large_later(void)
{
	char *p = malloc(1000000);

	free(p);
	flush();
	free(p);
}

/* The span has gone back to the page heap meanwhile. */
static void double_much_later(void)
{
	char *p = malloc(20000);

	free(p);
	flush();
	free(p);
}

static void interior(void)
{
	char *p = malloc(100);

	free(p + 16);
	flush();
}

/* What delete[] does for an array that is preceded by its count. */
static void interior_odd(void)
{
	char *p = malloc(100);

	free(p + 8);
}

/* Without sequences the neighbour on the stack is compared, too. */
static void double_third(void)
{
	char *p = malloc(100);
	char *q = malloc(100);

	free(p);
	free(q);
	free(p);
}

/* Nobody empties a cache before the process ends. */
static void interior_unflushed(void)
{
	char *p = malloc(100);

	neighbour = malloc(100);
	free(p + 16);
}

/* As many frees in between as one stack takes. */
static void double_twentieth(void)
{
	char *p[20];
	unsigned int i;

	for (i = 0; i < 20; i++)
		p[i] = malloc(20);
	for (i = 0; i < 20; i++)
		free(p[i]);
	free(p[0]);
}

static void interior_large(void)
{
	char *p = malloc(1000000);

	free(p + 16);
}

static void interior_large_far(void)
{
	char *p = malloc(1000000);

	free(p + 500000);
}

static void foreign_stack(void)
{
	int local;

	free(&local);
}

static void foreign_static(void)
{
	static char buf[64];

	free(buf + 16);
}

static void foreign_map(void)
{
	free(mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void foreign_wild(void)
{
	free((void *)0xdeadbeefdead0000);
}

static void foreign_low(void)
{
	free((void *)0x10);
}

static void realloc_freed_large(void)
{
	char *p = malloc(1000000);

	free(p);
	p = realloc(p, 2000000);
}

static void usable_foreign(void)
{
	int local;

	printf("%zu\n", malloc_usable_size(&local));
}

static void sized_too_large(void)
{
	free_sized(malloc(100), 1000);
}

/* Below: one guarded object, for SHIM_GUARD=1. */
static volatile char *guarded(size_t size)
{
	return malloc(size);
}

static void overflow(void)
{
	guarded(160)[160] = 1;
}

/* Every slot: the last one is followed by a guard, too. */
static void overflow_last(void)
{
	volatile char *p, *last = NULL;
	int i;

	for (i = 0; i < 512; i++) {
		p = guarded(150);
		/* its size is exact: a guarded one */
		if (malloc_usable_size((void *)p) == 150 && p > last)
			last = p;
	}
	last[160] = 1;
}

/*
 * The first bytes of the guard in front: still attributed to the object behind
 * it.
 */
static void underflow_far(void)
{
	volatile char *p = guarded(4096);

	p[-2000] = 1;
}

static void overflow_read(void)
{
	volatile char *p = guarded(160);
	volatile char c = p[160];

	(void)c;
}

static void underflow(void)
{
	volatile char *p = guarded(4096);

	p[-1] = 1;
}

static void use_after_free(void)
{
	volatile char *p = guarded(64);

	free((void *)p);
	p[3] = 1;
}

static void guard_double(void)
{
	volatile char *p = guarded(64);

	free((void *)p);
	free((void *)p);
}

/* An object of 0 bytes begins where its page ends. */
static void empty_after_free(void)
{
	volatile char *p = guarded(0);

	free((void *)p);
	p[-1] = 1;
}

static void empty_written(void)
{
	volatile char *p = guarded(0);

	p[-1] = 1;
	free((void *)p);
}

static void slack(void)
{
	volatile char *p = guarded(61);

	p[61] = 1;
	free((void *)p);
}

static const struct {
	const char *name;
	void (*misuse)(void);
} misuses[] = {
	{ "nothing", nothing },
	{ "double_at_once", double_at_once },
	{ "double_later", double_later },
	{ "double_unflushed", double_unflushed },
	{ "double_far", double_far },
	{ "double_large", double_large },
	{ "double_large_kept", double_large_kept },
	{ "interior_large_kept", interior_large_kept },
	{ "double_large_later", double_large_later },
	{ "double_much_later", double_much_later },
	{ "interior", interior },
	{ "interior_odd", interior_odd },
	{ "double_third", double_third },
	{ "double_twentieth", double_twentieth },
	{ "interior_unflushed", interior_unflushed },
	{ "interior_large", interior_large },
	{ "interior_large_far", interior_large_far },
	{ "foreign_stack", foreign_stack },
	{ "foreign_static", foreign_static },
	{ "foreign_map", foreign_map },
	{ "foreign_wild", foreign_wild },
	{ "foreign_low", foreign_low },
	{ "realloc_freed_large", realloc_freed_large },
	{ "usable_foreign", usable_foreign },
	{ "sized_too_large", sized_too_large },
	{ "overflow", overflow },
	{ "overflow_last", overflow_last },
	{ "underflow_far", underflow_far },
	{ "overflow_read", overflow_read },
	{ "underflow", underflow },
	{ "use_after_free", use_after_free },
	{ "guard_double", guard_double },
	{ "empty_after_free", empty_after_free },
	{ "empty_written", empty_written },
	{ "slack", slack },
};

int main(int argc, char **argv)
{
	unsigned int i;

	for (i = 0; i < sizeof(misuses) / sizeof(misuses[0]); i++) {
		if (argc != 2 || strcmp(argv[1], misuses[i].name))
			continue;
		misuses[i].misuse();
		puts("alive");
		return 0;
	}
	return VICTIM_UNKNOWN;
}
