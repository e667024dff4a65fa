// SPDX-License-Identifier: GPL-2.0-only
/* peer_shim: libshim-co. */
#include <shim_co.h>
#include <stdlib.h>

#include "bench_co.h"

static void *loops(void *arg)
{
	for (;;)
		shim_co_yield(NULL);
	return arg;
}

static void *ends(void *arg)
{
	return arg;
}

static long suspend(long n)
{
	struct shim_co *co;
	long i;

	for (i = 0; i < n; i++) {
		co = shim_co_new(loops, NULL, NULL);
		if (!co)
			break;
		shim_co_resume(co, NULL);
	}
	return i;
}

static long park(long n)
{
	struct shim_co *co;
	long i;

	for (i = 0; i < n; i++) {
		co = shim_co_new(loops, NULL, NULL);
		if (!co)
			break;
		shim_co_resume(co, NULL);
		if (shim_co_park(co))
			break;
	}
	return i;
}

static void pingpong(long n)
{
	static struct shim_co *co;

	if (!co)
		co = shim_co_new(loops, NULL, NULL);
	while (n--)
		shim_co_resume(co, NULL);
}

static void create(long n)
{
	struct shim_co *co;

	while (n--) {
		co = shim_co_new(ends, NULL, NULL);
		shim_co_resume(co, NULL);
		shim_co_free(co);
	}
}

int main(int argc, char **argv)
{
	static const struct peer peer = { suspend, park, pingpong, create };

	return peer_main(&peer, argc, argv);
}
