// SPDX-License-Identifier: GPL-2.0-only
/* count.c: linked by --wrap, it says at the end how often malloc() was asked. */
#include <stddef.h>
#include <stdio.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);

static unsigned long calls;

void *__wrap_malloc(size_t size)
{
	calls++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	calls++;
	return __real_calloc(n, size);
}

static void __attribute__((destructor)) say(void)
{
	fprintf(stderr, "%lu\n", calls);
}
