// SPDX-License-Identifier: GPL-2.0-only
/*
 * compound: objects that libshim makes of several slots of a smaller class, in what
 * is known to be free side by side.  Says how much it has, as subject does, and waits
 * for the end of its standard input.
 *
 *   60,000 objects of 48 bytes, 19 in 20 of them freed
 *   objects of 700 and of 100 bytes, of which those before there were holes are kept,
 *   the others have 15 slots of 48 bytes, or 3:
 *	100 of 700, of which a variable, or the one before, knows an address in the
 *		last slots
 *	5 of 700, lost: the first's last slots know the second
 *	3 of 100, lost
 *	200 of 700, freed
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOT	48
#define SLOTS	60000
#define PLAIN	100000
#define CHAIN	100
#define LOST	5
#define FREED	200
#define INSIDE	650	/* an offset, in the last slots of an object of 700 */

static void *slot[SLOTS], *plain[PLAIN];
static unsigned long nplain, asked, usable, objects;

/* Known to gdb's test. */
char *compound_chain;

void compound_probe(void);
__attribute__((noipa)) void compound_probe(void)
{
	__asm__ volatile("" ::: "memory");
}

/* Nothing that was there before is left in it. */
static char *one(size_t size)
{
	char *p = malloc(size);

	if (!p)
		abort();
	return memset(p, 0, malloc_usable_size(p));
}

static void count(void *p, size_t size)
{
	asked += size;
	usable += malloc_usable_size(p);
	objects++;
}

/* An object of several slots, by its size, which is that of no class. */
static char *joined(size_t size)
{
	size_t all = (size + SLOT - 1) / SLOT * SLOT;
	char *p;

	for (;;) {
		p = one(size);
		if (malloc_usable_size(p) == all)
			return p;
		if (nplain == PLAIN)
			abort();
		count(p, size);
		plain[nplain++] = p;
	}
}

/* Neither is a pointer that is not meant to be one left on the stack. */
__attribute__((noipa)) static void chain_make(void)
{
	char **at = &compound_chain;
	int i;

	for (i = 0; i < CHAIN; i++) {
		char *p = joined(700);

		count(p, 700);
		*at = p + INSIDE;
		at = (char **)(p + INSIDE - INSIDE % 8 + 8);
	}
}

__attribute__((noipa)) static void lost_make(void)
{
	char *first = joined(700), *p;
	int i;

	count(first, 700);
	for (i = 1; i < LOST; i++) {
		p = joined(700);
		count(p, 700);
		if (i == 1)
			*(char **)(first + INSIDE - INSIDE % 8) = p + INSIDE;
	}
	for (i = 0; i < 3; i++)
		count(joined(100), 100);
}

__attribute__((noipa)) static void freed_make(void)
{
	static char *freed[FREED];
	int i;

	for (i = 0; i < FREED; i++)
		freed[i] = joined(700);
	for (i = 0; i < FREED; i++) {
		free(freed[i]);
		freed[i] = NULL;
	}
}

__attribute__((noipa)) static void holes_make(void)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		slot[i] = one(SLOT);
	for (i = 0; i < SLOTS; i++) {
		if (i % 20) {
			free(slot[i]);
			slot[i] = NULL;
		} else {
			count(slot[i], SLOT);
		}
	}
}

__attribute__((noipa)) static void stack_wipe(void)
{
	volatile char old[16384];
	size_t i;

	for (i = 0; i < sizeof(old); i++)
		old[i] = 0;
}

int main(void)
{
	char c;

	holes_make();
	chain_make();
	lost_make();
	freed_make();
	stack_wipe();
	compound_probe();
	printf("ready %lu %lu %lu\n", asked, usable, objects);
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}
