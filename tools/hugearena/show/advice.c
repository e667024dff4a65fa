// SPDX-License-Identifier: GPL-2.0-only
/*
 * advice: how large a pool would have been large enough.
 *
 * The pool is filled again in idle time.  What it must have at hand is what is
 * touched first until then: the most in any window of that length.  A program
 * that begins anew counts from 0 again.  Called by cmd_pool.
 */
#include "advice.h"
#include "read/kmod.h"

static uint64_t more(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

void advice_add(struct advice *a, const struct advice_point *v, size_t n)
{
	uint64_t peak = 0, sum = 0;
	size_t i, from = 1;

	for (i = 1; i < n; i++) {
		sum += more(v[i].touches, v[i - 1].touches);
		a->touches += more(v[i].touches, v[i - 1].touches);
		a->cleared += more(v[i].cleared, v[i - 1].cleared);
		a->small += more(v[i].small, v[i - 1].small);
		/* the steps that end within the window: the last one always */
		while (from < i && v[i].t - v[from - 1].t > a->window) {
			sum -= more(v[from].touches, v[from - 1].touches);
			from++;
		}
		if (sum > peak)
			peak = sum;
	}
	a->peak += peak;
	if (n && v[n - 1].t - v[0].t > a->seconds)
		a->seconds = v[n - 1].t - v[0].t;
}

uint64_t advice_bytes(const struct advice *a)
{
	return (a->peak + (a->peak + 3) / 4) * KMOD_BLOCK_SIZE;
}
