// SPDX-License-Identifier: GPL-2.0-only
/*
 * owner: a program with its own malloc() and free(), but without its own
 * operator new, as a C++ program with an allocator linked in may be.  The
 * library that serves new must serve delete.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *plain_new(size_t size) __asm__("_Znwm") __attribute__((weak));
extern void plain_delete(void *p) __asm__("_ZdlPv") __attribute__((weak));

static char pool[1 << 20] __attribute__((aligned(16)));
static size_t used;

static int is_mine(const void *p)
{
	return (const char *)p >= pool && (const char *)p < pool + sizeof(pool);
}

void *malloc(size_t size)
{
	char *p = pool + used;

	used += (size + 15) & ~(size_t)15;
	return used <= sizeof(pool) ? p : NULL;
}

void free(void *p)
{
	if (p && !is_mine(p))
		abort();
}

int main(void)
{
	int i;

	if (!plain_new || !plain_delete)
		return 2;
	for (i = 0; i < 2000; i++) {
		char *p = plain_new(10 + (size_t)i * 30);

		memset(p, 1, 10 + (size_t)i * 30);
		plain_delete(p);
	}
	return 0;
}
