// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading the reports: almost every user may, and no process has to wait for a
 * reader.
 */
#include "harness.h"
#include <pthread.h>

#define SOMEBODY	54321

static const char *const files[] = {
	PROC_STAT, PROC_ARENAS, PROC_POOL, PROC_LATENCY,
};

static int read_all(void)
{
	static char buf[1 << 16];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++)
		if (file_read(files[i], buf, sizeof(buf)) <= 0)
			return i + 1;
	return 0;
}

static int read_as_somebody(void *arg)
{
	(void)arg;
	return user_become(SOMEBODY) ? 100 : read_all();
}

/* All but the last one, whose times are about other users. */
TEST(unprivileged_users_may_read)
{
	EXPECT_EQ(ARRAY_SIZE(files), child_run(read_as_somebody, NULL));
}

/* The mappings change all the time while the readers read. */
struct shared {
	int stop, failed;
	unsigned long reads;
};

static void *reader(void *arg)
{
	struct shared *s = arg;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		if (read_all())
			__atomic_store_n(&s->failed, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&s->reads, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

FIXTURE(readers) {
	struct shared s;
	pthread_t t[3];
};

FIXTURE_SETUP(readers)
{
	int i;

	ASSERT_EQ(0, params_reset());
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&self->t[i], NULL, reader,
					    &self->s));
}

FIXTURE_TEARDOWN(readers)
{
	int i;

	__atomic_store_n(&self->s.stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 3; i++)
		pthread_join(self->t[i], NULL);
	EXPECT_EQ(0, self->s.failed);
	EXPECT_LT(0, self->s.reads);
}

TEST_F(readers, while_arenas_come_and_go)
{
	struct arena a;
	int i;

	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, arena_make(&a, 1 + i % 3));
		byte_write(a.base, 1);
		arena_drop(&a);
	}
}

TEST_F(readers, while_processes_fork)
{
	struct arena a;
	int i;

	ASSERT_EQ(0, arena_make(&a, 4));
	pages_fill(a.base, a.size, 1);
	for (i = 0; i < 50; i++) {
		pid_t pid = child_fork();

		ASSERT_LE(0, pid);
		if (!pid) {
			byte_write(a.base, 2);
			_exit(0);
		}
		EXPECT_EQ(0, child_wait(pid));
	}
	EXPECT_EQ(0, pages_wrong(a.base, a.size, 1));
	arena_drop(&a);
}

TEST_HARNESS_MAIN
