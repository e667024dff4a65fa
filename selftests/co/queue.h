/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A queue for each test, once by the best way to wait and once by epoll, and
 * files for its coroutines.
 */
#ifndef SELFTESTS_CO_QUEUE_H
#define SELFTESTS_CO_QUEUE_H

#include <sys/socket.h>
#include <unistd.h>

#include <shim_co.h>
#include <shim_stack.h>

#include "patience.h"

#define MS	INT64_C(1000000)

FIXTURE(queue) {
	struct shim_co_queue *q;
};

FIXTURE_VARIANT(queue) {
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(queue, best) {
	.flags = 0,
};

FIXTURE_VARIANT_ADD(queue, epoll) {
	.flags = SHIM_CO_EPOLL,
};

static int logged[64], nr_logged;
static int fds[2], other[2];
static int outcome, outcome_errno;

static void note(int what)
{
	if (nr_logged < 64)
		logged[nr_logged++] = what;
}

FIXTURE_SETUP(queue)
{
	self->q = shim_co_queue_new(variant->flags);
	ASSERT_NE(NULL, self->q);
	if (variant->flags)
		ASSERT_STREQ("epoll", shim_co_queue_kind(self->q));
	TH_LOG("waits by %s", shim_co_queue_kind(self->q));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	ASSERT_EQ(0, pipe(other));
	outcome = 99;
}

FIXTURE_TEARDOWN(queue)
{
	struct shim_stack_stat st;

	shim_co_queue_free(self->q);
	shim_stack_get_stat(&st);
	EXPECT_EQ(0, st.used);
}

#endif /* SELFTESTS_CO_QUEUE_H */
