// SPDX-License-Identifier: GPL-2.0-only
/* O_DIRECT reads into an arena while the process forks again and again. */
#include "harness.h"
#include <pthread.h>
#include "disk.h"

#define BLOCKS	4
#define LEN	(1 * MIB)
#define FORKS	30

FIXTURE(pin_disk) {
	struct arena a;
	int fd;
	int stop;
	long wrong, rounds;
};

FIXTURE_SETUP(pin_disk)
{
	self->fd = disk_open();
	if (self->fd < 0)
		SKIP(_exit(255), "no disk that takes O_DIRECT");
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	/* two halves of the disk: all 'A', all 'B' */
	memset(self->a.base, 'A', LEN);
	ASSERT_EQ((ssize_t)LEN, pwrite(self->fd, self->a.base, LEN, 0));
	memset(self->a.base, 'B', LEN);
	ASSERT_EQ((ssize_t)LEN, pwrite(self->fd, self->a.base, LEN, LEN));
}

FIXTURE_TEARDOWN(pin_disk)
{
	arena_drop(&self->a);
	close(self->fd);
}

/* Read A, see A, read B, see B. */
static void *reader(void *arg)
{
	FIXTURE_DATA(pin_disk) *self = arg;
	char *at = self->a.base + BLOCK_LEN + 3 * OS_PAGE;
	int half = 0;

	while (!__atomic_load_n(&self->stop, __ATOMIC_RELAXED)) {
		if (pread(self->fd, at, LEN, half * LEN) != (ssize_t)LEN)
			self->wrong++;
		self->wrong += bytes_other(at, LEN, 'A' + half) != 0;
		self->rounds++;
		half = !half;
	}
	return NULL;
}

TEST_F(pin_disk, every_read_arrives)
{
	pthread_t t;
	pid_t pid;
	int i;

	ASSERT_EQ(0, pthread_create(&t, NULL, reader, self));
	for (i = 0; i < FORKS; i++) {
		pid = child_fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			memset(self->a.base, 'c', self->a.size);
			_exit(bytes_other(self->a.base, self->a.size, 'c') !=
			      0);
		}
		EXPECT_EQ(0, child_wait(pid));
	}
	__atomic_store_n(&self->stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	EXPECT_EQ(0, self->wrong);
	EXPECT_LT(0, self->rounds);
}

TEST_HARNESS_MAIN
