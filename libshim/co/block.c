// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * block: waiting for another coroutine or thread of the process.
 */
#include <errno.h>
#include <linux/futex.h>

#include "block.h"
#include "base/sys.h"

void block_init(struct block *b)
{
	*b = (struct block){ .co = run_self(), .claimed = BLOCK_OPEN };
}

bool block_claim(struct block *b, int what)
{
	int open = BLOCK_OPEN;

	return __atomic_compare_exchange_n(&b->claimed, &open, what, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

void block_wake(struct block *b)
{
	if (b->co) {
		run_wake(b->co);
		return;
	}
	/* release order: pairs with block_wait() */
	__atomic_store_n(&b->woken, 1, __ATOMIC_RELEASE);
	/*
	 * the waiter may have gone by now, with its stack: at worst this wakes
	 * a thread once too often
	 */
	sys_call6(SYS_futex, (long)&b->woken, FUTEX_WAKE | FUTEX_PRIVATE_FLAG,
		  1, 0, 0, 0);
}

static void block_cancel(struct shim_co *co, struct run_wait *w)
{
	/* if not, whatever claimed it wakes it */
	if (block_claim((struct block *)w, BLOCK_GONE))
		run_ready(co);
}

static int wait_thread(struct block *b, int64_t timeout)
{
	struct timespec ts, *end = NULL;
	uint64_t at;

	if (timeout >= 0) {
		at = sys_clock(CLOCK_MONOTONIC) + (uint64_t)timeout;
		ts.tv_sec = (time_t)(at / 1000000000);
		ts.tv_nsec = (long)(at % 1000000000);
		end = &ts;
	}
	while (!__atomic_load_n(&b->woken, __ATOMIC_ACQUIRE)) {
		if (sys_call6(SYS_futex, (long)&b->woken, FUTEX_WAIT_BITSET |
			      FUTEX_PRIVATE_FLAG, 0, (long)end, 0,
			      FUTEX_BITSET_MATCH_ANY) != -ETIMEDOUT)
			continue;
		if (block_claim(b, BLOCK_GONE))
			break;
		/* it was claimed at the last moment: the wake-up will come */
		end = NULL;
	}
	return b->claimed;
}

int block_wait(struct block *b, int64_t timeout)
{
	struct shim_co *me = b->co;

	if (!me)
		return wait_thread(b, timeout);
	b->w.cancel = block_cancel;
	/* others write to its stack */
	me->flags |= CO_PINNED;
	run_block(me, &b->w, timeout);
	me->flags &= (uint8_t)~CO_PINNED;
	return __atomic_load_n(&b->claimed, __ATOMIC_ACQUIRE);
}

void block_end(struct block *b)
{
	if (b->co)
		co_cancel_point(b->co);
}
