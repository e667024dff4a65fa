// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fork while another thread reads the limits: the child reads its own.
 *
 * The reader waits at a pipe that stands where /proc/self/cgroup is, with the
 * lock held, for as long as the test wants.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/patience.h"

#include "base/conf.h"
#include "fake_backend.h"
#include "pageheap/limit.h"
#include "pageheap/pageheap.h"

#define MIB	((size_t)1 << 20)

static char root[] = "/tmp/limit-fork-XXXXXX";
static char path[128];

static void *read_limits(void *data)
{
	(void)data;
	limit_update(1 * MIB);
	return NULL;
}

TEST(the_child_reads_its_limits)
{
	static const char *const dirs[] = { "/proc", "/proc/self" };
	unsigned int i;
	pthread_t t;
	int status, w;
	pid_t pid;

	ASSERT_NE(NULL, mkdtemp(root));
	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s%s", root, dirs[i]);
		ASSERT_EQ(0, mkdir(path, 0700));
	}
	strcat(path, "/cgroup");
	ASSERT_EQ(0, mkfifo(path, 0600));
	shim_conf.limit = 100 * MIB;
	limit_root = root;
	ASSERT_EQ(0, pthread_create(&t, NULL, read_limits, NULL));
	/* opens when the reader is there, and makes it wait for text */
	w = open(path, O_WRONLY);
	ASSERT_LE(0, w);
	pageheap_fork_prepare();
	pid = fork();
	if (!pid) {
		pageheap_fork_child();
		limit_root = "/nowhere";
		/* far from the limit, then past it */
		limit_update(1 * MIB);
		if (limit_pressure() != LIMIT_FAR || limit_bytes() != 100 * MIB)
			_exit(1);
		limit_update(200 * MIB);
		_exit(limit_pressure() == LIMIT_OVER ? 0 : 2);
	}
	pageheap_fork_parent();
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	/* one reader at a time: a second thread does not wait for it */
	limit_update(200 * MIB);
	EXPECT_NE(LIMIT_OVER, limit_pressure());
	close(w);
	pthread_join(t, NULL);
	limit_root = "/nowhere";
	limit_update(200 * MIB);
	EXPECT_EQ(LIMIT_OVER, limit_pressure());
	snprintf(path, sizeof(path), "rm -rf %s", root);
	EXPECT_EQ(0, system(path));
}

TEST_HARNESS_MAIN
