// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module cannot be unloaded while somebody uses it, can be when nobody
 * does, and can be loaded again.  Every test leaves the module loaded, as it
 * was before.
 */
#include "harness.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include "module.h"

/*
 * The part of it that an ordinary check does; a soak sets CYCLES= for the
 * whole.
 */
static int cycles(void)
{
	const char *n = getenv("CYCLES");

	return n ? atoi(n) : 20;
}

FIXTURE(unload) {
	struct arena a;
};

FIXTURE_SETUP(unload)
{
	if (!module_file())
		SKIP(_exit(255), "no module file: set HUGEARENA_KO");
	ASSERT_TRUE(module_loaded());
}

static int module_load_as_given(void)
{
	const char *params = getenv("HUGEARENA_PARAMS");

	return module_load(params ? params : "");
}

FIXTURE_TEARDOWN(unload)
{
	arena_drop(&self->a);
	if (!module_loaded()) {
		EXPECT_EQ(0, module_load_as_given());
	}
}

TEST_F(unload, open_device_holds_it)
{
	int dev = device_open();

	ASSERT_LE(0, dev);
	EXPECT_EQ(-1, module_unload());
	EXPECT_TRUE(errno == EBUSY || errno == EAGAIN);
	EXPECT_TRUE(module_loaded());
	close(dev);
}

TEST_F(unload, unmapped_arena_holds_it)
{
	int fd = arena_create(BLOCK_LEN);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, module_unload());
	EXPECT_TRUE(errno == EBUSY || errno == EAGAIN);
	close(fd);
}

TEST_F(unload, mapping_holds_it_without_its_file)
{
	ASSERT_EQ(0, arena_make(&self->a, 2));
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, close(self->a.fd));
	EXPECT_EQ(-1, module_unload());
	EXPECT_TRUE(errno == EBUSY || errno == EAGAIN);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	EXPECT_EQ(0, munmap(self->a.base, self->a.size));
	self->a.base = NULL;
}

TEST_F(unload, a_childs_copy_holds_it)
{
	int go = gate_open();
	pid_t pid;

	ASSERT_EQ(0, arena_make(&self->a, 2));
	pages_fill(self->a.base, self->a.size, 1);
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(self->a.fd);
		gate_wait(go);
		_exit(pages_wrong(self->a.base, self->a.size, 1) != 0);
	}
	arena_drop(&self->a);
	EXPECT_EQ(-1, module_unload());
	EXPECT_TRUE(errno == EBUSY || errno == EAGAIN);
	gate_post(go);
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(unload, refused_a_thousand_times_under_load)
{
	long long seen = stat_read("Released");
	int i, refused = 0;
	pid_t pid;

	ASSERT_EQ(0, arena_make(&self->a, 4));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		for (;;) {
			pages_fill(self->a.base, self->a.size, 1);
			arena_punch(&self->a, 0, self->a.size);
		}
	}
	/* the load has begun, and goes on to the end */
	EXPECT_EQ(1, wait_for(stat_read("Released") > seen, 1));
	for (i = 0; i < 1000; i++)
		refused += module_unload() == -1 &&
			   (errno == EBUSY || errno == EAGAIN);
	EXPECT_EQ(1000, refused);
	seen = stat_read("Released");
	EXPECT_EQ(1, wait_for(stat_read("Released") > seen, 1));
	kill(pid, SIGKILL);
	EXPECT_EQ(256 + SIGKILL, child_wait(pid));
}

TEST_F(unload, nobody_uses_it)
{
	ASSERT_EQ(0, module_unload_wait());
	EXPECT_FALSE(module_loaded());
	EXPECT_ERRNO(ENOENT, device_open());
	EXPECT_EQ(-1, access(PROC_STAT, F_OK));
	ASSERT_EQ(0, module_load_as_given());
	EXPECT_EQ(0, stat_read("Arenas"));
	EXPECT_EQ(0, stat_read("FaultDemand"));
}

TEST_F(unload, with_a_full_pool)
{
	long long before = memfree_read();

	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, pool_fill(64));
	ASSERT_EQ(0, module_unload_wait());
	/* the pool went with it */
	EXPECT_EQ(1, wait_for(memfree_read() > before - 16 * 1024, 1));
	ASSERT_EQ(0, module_load_as_given());
}

/*
 * With no block in the pool yet, with one, and so on.  A try that finds it full
 * already is none: another follows.
 */
#define FILLINGS	5
#define FILLING_TRIES	100
#define FILLING_MB	256

/*
 * Wait up to a minute for @blocks in the pool, and leave in @sum what was seen.
 * It looks again at once: while it slept, a fast machine would fill the pool.
 */
static bool filled_to(unsigned int blocks, struct pool_line *sum)
{
	time_t end = time(NULL) + 60;

	do {
		if (!pool_sum_read(sum) && sum->clean >= blocks)
			return true;
	} while (time(NULL) < end);
	return false;
}

TEST_F(unload, while_the_pool_is_being_filled)
{
	struct pool_line sum;
	int i, filling = 0;
	long long before;

	ASSERT_EQ(0, params_reset());
	before = memfree_read();
	for (i = 0; filling < FILLINGS && i < FILLING_TRIES; i++) {
		ASSERT_EQ(0, param_write("pool_target_mb", FILLING_MB));
		EXPECT_TRUE(filled_to(filling, &sum));
		filling += sum.clean < FILLING_MB / 2;
		ASSERT_EQ(0, module_unload_wait());
		ASSERT_EQ(0, module_load_as_given());
	}
	EXPECT_EQ(FILLINGS, filling);
	/* what was in it, 10 blocks and more in all, has not stayed behind */
	ASSERT_EQ(0, params_reset());
	EXPECT_EQ(1, wait_for(memfree_read() > before - 16 * 1024, 1));
}

TEST_F(unload, pool_mb_at_load)
{
	struct pool_line sum;

	ASSERT_EQ(0, module_unload_wait());
	ASSERT_EQ(0, module_load("pool_mb=16"));
	EXPECT_EQ(8, wait_for((pool_sum_read(&sum), sum.clean), 8));
	EXPECT_EQ(8, sum.target);
	ASSERT_EQ(0, module_unload_wait());
	ASSERT_EQ(0, module_load_as_given());
}

TEST_F(unload, bad_parameters_are_refused)
{
	ASSERT_EQ(0, module_unload_wait());
	EXPECT_ERRNO(EINVAL, module_load("pool_mb=nonsense"));
	EXPECT_FALSE(module_loaded());
	ASSERT_EQ(0, module_load_as_given());
}

/*
 * The module's file with another list of tested series, of the same length, in
 * which nothing begins with a 6.  NULL and a reason if there is no such list.
 * The caller frees it.
 */
static char *module_image_for_others(size_t *len)
{
	int fd = open(module_file(), O_RDONLY | O_CLOEXEC);
	char *image, *list, *p;
	struct stat st;
	size_t n;

	if (fd < 0 || fstat(fd, &st))
		return NULL;
	*len = st.st_size;
	image = malloc(*len);
	if (!image || read(fd, image, *len) != (ssize_t)*len)
		return NULL;
	close(fd);
	p = memmem(image, *len, "\0tested=", 8);
	if (!p)
		return NULL;
	list = strdup(p + 8);
	n = strlen(list);
	/*
	 * at the end of a string: "6.12" alone also begins the release that the
	 * module says it was built for
	 */
	for (p = image; (p = memmem(p, image + *len - p, list, n + 1)); p += n)
		memset(p, '5', n);
	free(list);
	return image;
}

/* Does the kernel's log, read from @kmsg on, have a line with @text? */
static bool log_has(int kmsg, const char *text)
{
	char line[8192];
	ssize_t n;

	while ((n = read(kmsg, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		line[n > 0 ? n : 0] = 0;
		if (strstr(line, text))
			return true;
	}
	return false;
}

TEST_F(unload, a_kernel_it_was_not_tested_on_is_refused)
{
	int kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	size_t len;
	char *image = module_image_for_others(&len);

	ASSERT_NE(NULL, image);
	ASSERT_LE(0, kmsg);
	ASSERT_EQ(0, module_unload_wait());
	lseek(kmsg, 0, SEEK_END);
	EXPECT_ERRNO(EOPNOTSUPP, module_load_image(image, len, ""));
	EXPECT_FALSE(module_loaded());
	EXPECT_TRUE(log_has(kmsg, "untested_kernel=1 loads it all the same"));
	EXPECT_ERRNO(EOPNOTSUPP,
		     module_load_image(image, len, "untested_kernel=0"));

	lseek(kmsg, 0, SEEK_END);
	EXPECT_EQ(0, module_load_image(image, len, "untested_kernel=1"));
	EXPECT_TRUE(log_has(kmsg, "because untested_kernel=1 asks for it"));
	EXPECT_EQ(0, arena_make(&self->a, 1));
	pages_fill(self->a.base, self->a.size, 1);
	arena_drop(&self->a);
	ASSERT_EQ(0, module_unload_wait());
	ASSERT_EQ(0, module_load_as_given());
	close(kmsg);
	free(image);
}

/* Use everything there is, then unload, again and again. */
TEST_F(unload, clean_cycles)
{
	int i, n = cycles();
	long long before;
	struct arena a;
	pid_t pid;

	ASSERT_EQ(0, params_reset());
	before = memfree_read();
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, arena_make(&a, 4));
		pages_fill(a.base, a.size, i);
		ASSERT_EQ(0, arena_punch(&a, OS_PAGE, BLOCK_LEN));
		pid = child_fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			byte_write(a.base, 1);
			_exit(0);
		}
		EXPECT_EQ(0, child_wait(pid));
		arena_drop(&a);
		ASSERT_EQ(0, module_unload_wait());
		ASSERT_EQ(0, module_load_as_given());
	}
	/* half of what a block a cycle would be, and 4 MiB for all others */
	ASSERT_EQ(0, params_reset());
	EXPECT_EQ(1, wait_for(memfree_read() > before - n * 1024 - 4 * 1024, 1));
}

/* Unless the administrator allows it, some memory cannot be reached. */
TEST_F(unload, loaded_without_a_limit_it_leaves_an_eighth)
{
	long long all_mb = meminfo_read("MemTotal") / 1024;

	ASSERT_EQ(0, module_unload_wait());
	ASSERT_EQ(0, module_load(""));
	EXPECT_LT(all_mb * 3 / 4, param_read("max_mb"));
	EXPECT_GE(all_mb * 7 / 8, param_read("max_mb"));
	ASSERT_EQ(0, module_unload_wait());
	ASSERT_EQ(0, module_load("max_mb=0"));
	EXPECT_EQ(0, param_read("max_mb"));
	ASSERT_EQ(0, module_unload_wait());
}

TEST_HARNESS_MAIN
