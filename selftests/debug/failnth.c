// SPDX-License-Identifier: GPL-2.0-only
/*
 * The allocations of every operation fail: /proc/thread-self/fail-nth is set
 * to 1, 2, 3 ... until the operation runs without a failure.  Each time it
 * must succeed or say why it did not, no memory may show what it should not,
 * and afterwards the module must hold what it held before.
 *
 * Injections also hit the checkers' own metadata, and a page fault that found
 * no memory is simply taken again, so success is as good as a failure.
 */
#include "harness.h"
#include <fcntl.h>
#include <stdbool.h>
#include "sites.h"
#include "soak.h"

#define FAILURES	"/sys/kernel/debug/"
#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define SITES_MAX	20000
#define FIRST		64
#define STRIDE		7

static int allowed(const struct site *s, int err)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(s->allowed); i++)
		if (s->allowed[i] == err)
			return 1;
	/* moving is refused even when nothing fails */
	return err == 0;
}

/*
 * One round; 1 if a failure was injected, 0 if not, -1 if something is wrong.
 */
static int site_try(const struct site *s, int nth_fd, int n)
{
	struct ground g = { .a.fd = -1 };
	char text[16] = "";
	int err, left, bad = 0;
	struct held before;

	if (held_read(&before))
		return -1;
	sample_set(n);
	err = s->prepare(&g);
	if (err) {
		printf("# %s: cannot be prepared: %s\n", s->name,
		       strerror(err));
		ground_clear(&g);
		return -1;
	}
	snprintf(text, sizeof(text), "%d", n);
	if (pwrite(nth_fd, text, strlen(text), 0) < 0)
		bad = 1;
	err = s->act(&g);
	memset(text, 0, sizeof(text));
	if (pread(nth_fd, text, sizeof(text) - 1, 0) < 0)
		bad = 1;
	left = atoi(text);
	if (pwrite(nth_fd, "0", 1, 0) != 1)
		bad = 1;
	if (bad)
		printf("# %s: fail-nth does not work\n", s->name);
	if (!allowed(s, err)) {
		printf("# %s, failure %d: %s\n", s->name, n,
		       err < 256 ? strerror(err) : strsignal(err - 256));
		bad = 1;
	}
	if (s->check(&g, err)) {
		printf("# %s, failure %d: memory is not what it was\n",
		       s->name, n);
		bad = 1;
	}
	ground_clear(&g);
	if (held_back_to(&before)) {
		printf("# %s, failure %d: not all came back\n", s->name, n);
		bad = 1;
	}
	return bad ? -1 : !left;
}

/* By default only allocations that cannot sleep fail: make all of them fail. */
static int failures_on(void)
{
	static const char *const on[][2] = {
		{ "failslab/ignore-gfp-wait", "N" },
		{ "failslab/verbose", "0" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ "fail_page_alloc/min-order", "0" },
		{ "fail_page_alloc/verbose", "0" },
	};
	char path[128];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(on); i++) {
		snprintf(path, sizeof(path), FAILURES "%s", on[i][0]);
		if (file_write(path, on[i][1]))
			return -1;
	}
	return 0;
}

FIXTURE(failnth) {
	int fd;
};

FIXTURE_SETUP(failnth)
{
	self->fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, failures_on());
	ASSERT_EQ(0, params_reset());
}

FIXTURE_TEARDOWN(failnth)
{
}

static const struct site *site_find(const char *name)
{
	size_t i;

	for (i = 0; i < nr_sites; i++)
		if (!strcmp(sites[i].name, name))
			return &sites[i];
	return NULL;
}

/*
 * The next allocation to fail.  Splitting a block takes hundreds, all in one
 * loop: a soak fails each of the first ones and then every seventh (each one
 * with SCALE=7), a check leaves larger and larger gaps.
 */
static int site_next(int n)
{
	int scale = soak_count(100);

	if (scale < 100)
		return n + 1 + n / 3;
	if (n < FIRST || scale >= 100 * STRIDE)
		return n + 1;
	return n + 100 * STRIDE / scale;
}

/* All sites, or only those that take blocks. */
static int sites_all(int fd, const char *how, bool pool)
{
	unsigned long asked = 0, done = 0, failures = 0;
	const char *only = getenv("SITE");
	int n, ret, injected;
	size_t i;

	if (only && !site_find(only))
		return -1;
	for (i = 0; i < nr_sites; i++) {
		if (pool && !sites[i].pool)
			continue;
		if (only && strcmp(only, sites[i].name))
			continue;
		injected = 0;
		for (n = 1, ret = 1; ret > 0 && n < SITES_MAX;
		     n = site_next(n)) {
			ret = site_try(&sites[i], fd, n);
			injected += ret > 0;
		}
		printf("# %s: %s: %d failures injected%s\n", how,
		       sites[i].name, injected, ret ? ", given up" : "");
		fflush(stdout);
		asked++;
		done += !ret;
		failures += ret != 0;
	}
	soak_report(how, asked, done, failures);
	return failures;
}

TEST_F_TIMEOUT(failnth, every_operation, 7200)
{
	EXPECT_EQ(0, sites_all(self->fd, "fail-nth", false));
}

TEST_F_TIMEOUT(failnth, every_operation_with_a_pool, 7200)
{
	ASSERT_EQ(0, pool_fill(32));
	EXPECT_EQ(0, sites_all(self->fd, "fail-nth-pool", true));
	params_reset();
}

static const char *why_not(void)
{
	return access(FAIL_NTH, W_OK) || failures_on() ?
	       "no fault injection in this kernel" : NULL;
}

TEST_HARNESS_MAIN_UNLESS(why_not)
