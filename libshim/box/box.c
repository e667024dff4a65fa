// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * box: what the parts of libshim-box share.
 *
 * Keeps true: whether the seam is there is decided at load, or at the first
 * question if that comes earlier, and does not change.  Called by every layer
 * of box.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "box.h"
#include "seam/seam.h"

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND	0
#endif

static struct seam_stat stats[BOX_STATS] = {
	[BOX_REGIONS] = { .name = "box.regions" },
	[BOX_POOLS] = { .name = "box.pools" },
	[BOX_HEAPS] = { .name = "box.heaps" },
	[BOX_HEAP_BYTES] = { .name = "box.heap_bytes" },
	[BOX_HEAP_SPANS] = { .name = "box.heap_spans" },
	[BOX_HEAP_ROLLBACKS] = { .name = "box.heap_rollbacks" },
	[BOX_RC_CYCLES] = { .name = "box.rc_cycles" },
};

/*
 * 0: not determined yet, 1: no, 2: yes.  Every thread determines the same, so
 * races do not matter.
 */
static uint8_t seam_state, watch_state;

void __asan_init(void) __attribute__((weak));

void box_count(enum box_stat which, uint64_t by)
{
	__atomic_fetch_add(&stats[which].value, by, __ATOMIC_RELAXED);
}

void box_die(const char *what, const void *p)
{
	char line[200];
	int n = snprintf(line, sizeof(line), "libshim-box: %s (%p)\n", what, p);

	if (write(STDERR_FILENO, line, (size_t)n) != n)
		abort();	/* no way to report it */
	abort();
}

static void seam_find(void)
{
	static const char text[] =
		"libshim-box: libshim has another version, and is not used\n";
	bool here = seam_is_here();

	if (!here && seam_version &&
	    write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		here = false;	/* no way to report it */
	if (here)
		seam_stat_register(SEAM_BOX, stats, BOX_STATS);
	__atomic_store_n(&seam_state, here ? 2 : 1, __ATOMIC_RELEASE);
}

bool box_has_seam(void)
{
	uint8_t state = __atomic_load_n(&seam_state, __ATOMIC_ACQUIRE);

	if (unlikely(!state)) {
		seam_find();
		state = __atomic_load_n(&seam_state, __ATOMIC_ACQUIRE);
	}
	return state == 2;
}

bool box_is_watched(void)
{
	uint8_t state = __atomic_load_n(&watch_state, __ATOMIC_RELAXED);

	if (unlikely(!state)) {
		const char *wish = getenv("SHIM_DEBUG_REGION");
		bool watched = __asan_init || RUNNING_ON_VALGRIND;

		if (wish && *wish)
			watched = strcmp(wish, "0");
		state = watched ? 2 : 1;
		__atomic_store_n(&watch_state, state, __ATOMIC_RELAXED);
	}
	return state == 2;
}

__attribute__((constructor)) static void box_load(void)
{
	box_has_seam();
}
