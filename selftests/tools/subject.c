// SPDX-License-Identifier: GPL-2.0-only
/*
 * subject: allocates what is said below, says how much that is, and waits for
 * the end of its standard input.
 *
 *   mix	40,000 objects of 100 bytes, as many more of them freed in between;
 *		5,000 of 1,000; 30 of 300,000, all of it written to
 *   quick	the same, but ends without waiting
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SMALL	40000
#define MIDDLE	5000
#define LARGE	30

/* Where the objects are kept: never freed, always reachable. */
static void *keep[SMALL + MIDDLE + LARGE];
static unsigned long nkeep, asked, usable;

static void *fill(void *p, size_t size)
{
	if (!p)
		abort();
	return memset(p, 1, size);
}

static void hold(void *p, size_t size)
{
	keep[nkeep++] = p;
	asked += size;
	usable += malloc_usable_size(p);
}

__attribute__((noinline)) static void *site_small(void)
{
	return fill(malloc(100), 100);
}

__attribute__((noinline)) static void *site_middle(void)
{
	return fill(malloc(1000), 1000);
}

__attribute__((noinline)) static void *site_large(void)
{
	return fill(malloc(300000), 300000);
}

__attribute__((noinline)) static void *site_churn(void)
{
	return fill(malloc(100), 100);
}

static void mix(void)
{
	int i;

	for (i = 0; i < SMALL; i++) {
		hold(site_small(), 100);
		free(site_churn());
	}
	for (i = 0; i < MIDDLE; i++)
		hold(site_middle(), 1000);
	for (i = 0; i < LARGE; i++)
		hold(site_large(), 300000);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "mix";
	char c;

	if (!strcmp(mode, "mix") || !strcmp(mode, "quick"))
		mix();
	else
		return 2;
	printf("ready %lu %lu %lu\n", asked, usable, nkeep);
	fflush(stdout);
	if (!strcmp(mode, "quick"))
		return 3;
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}
