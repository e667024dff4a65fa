/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench_co: what every peer of bench-co measures, and how.
 *
 * A peer is a program that knows its kind of coroutine; peer_main() does the
 * rest: "PEER memory N", "PEER parked N", "PEER switch", "PEER create",
 * "PEER steps".  Each prints "WHAT VALUE UNIT" lines.
 */
#ifndef BENCH_CO_H
#define BENCH_CO_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct peer - a kind of coroutine
 * @suspend: make @n coroutines that have run once and are suspended; how many
 *	there are when it could make no more
 * @park: the same, with stacks on the heap; NULL if there is no such thing
 * @pingpong: switch into a coroutine and back, @n times
 * @create: make, run to the end and destroy a coroutine, @n times
 */
struct peer {
	long (*suspend)(long n);
	long (*park)(long n);
	void (*pingpong)(long n);
	void (*create)(long n);
};

int peer_main(const struct peer *peer, int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
