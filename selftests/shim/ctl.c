// SPDX-License-Identifier: GPL-2.0-only
/* ctl: shim_ctl(), and the options that the environment sets. */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "patience.h"
#include "shim.h"
#include "victim.h"

static uint64_t number(const char *name)
{
	uint64_t n = UINT64_MAX;
	size_t len = sizeof(n);

	if (shim_ctl(name, &n, &len, NULL, 0) || len != sizeof(n))
		return UINT64_MAX;
	return n;
}

static int set(const char *name, uint64_t n)
{
	return shim_ctl(name, NULL, NULL, &n, sizeof(n));
}

#define EXPECT_FAILS(_errno, call) do {		\
	errno = 0;				\
	EXPECT_EQ(-1, (call));			\
	EXPECT_EQ((_errno), errno);		\
} while (0)

TEST(every_name_can_be_read_or_written)
{
	char names[4096], *name, *next;
	size_t len = sizeof(names);
	unsigned int n = 0;

	ASSERT_EQ(0, shim_ctl("names", names, &len, NULL, 0));
	EXPECT_EQ(strlen(names) + 1, len);
	for (name = names; *name; name = next + 1) {
		char text[4096];
		size_t size = sizeof(text);

		next = strchr(name, '\n');
		ASSERT_NE(NULL, next);
		*next = '\0';
		n++;
		if (strchr(name, '<'))
			continue;
		if (!shim_ctl(name, text, &size, NULL, 0))
			continue;
		if (errno == EINVAL && size == sizeof(uint64_t))
			continue;
		EXPECT_EQ(EPERM, errno) {
			TH_LOG("%s", name);
		}
		EXPECT_EQ(0, set(name, 0));
	}
	EXPECT_LT(40, n);
}

TEST(numbers_add_up)
{
	uint64_t before, after, mapped, returned;
	void *p;

	free(malloc(1));
	before = number("allocated");
	p = malloc(50 << 20);
	memset(p, 1, 50 << 20);
	after = number("allocated");
	EXPECT_LE(before + (50 << 20), after);
	EXPECT_GE(before + (51 << 20), after);
	EXPECT_LE((uint64_t)50 << 20, number("resident"));
	EXPECT_LE((uint64_t)50 << 20, number("heap.inuse"));
	mapped = number("heap.mapped");
	returned = number("heap.returned");
	free(p);
	EXPECT_GT(before + (1 << 20), number("allocated"));
	/* what was in use is returned now, and was not lost elsewhere */
	EXPECT_EQ(0, set("trim", 0));
	EXPECT_EQ(mapped, number("heap.mapped"));
	EXPECT_LE(returned + (50 << 20), number("heap.returned"));
	EXPECT_GE(mapped, number("heap.returned"));
	EXPECT_GE((uint64_t)2 << 20, number("heap.free"));
	EXPECT_GT((uint64_t)50 << 20, number("resident"));
}

TEST(classes_are_counted)
{
	enum { N = 1000 };
	uint64_t spans, size = number("class.4.size"), before;
	void *p[N];
	unsigned int i;

	EXPECT_EQ(64, size);
	ASSERT_EQ(0, set("flush", 0));
	before = number("allocated");
	spans = number("class.4.spans");
	for (i = 0; i < N; i++)
		p[i] = malloc(64);
	EXPECT_LE(spans + N * 64 / 8192, number("class.4.spans"));
	EXPECT_LE(before + N * 64, number("allocated"));
	for (i = 0; i < N; i++)
		free(p[i]);
	EXPECT_LT(0, number("class.4.cached"));
	/* an object in a cache is neither allocated nor free in its span */
	EXPECT_EQ(before, number("allocated"));
	EXPECT_EQ(0, set("flush", 0));
	EXPECT_EQ(0, number("class.4.cached"));
	EXPECT_EQ(0, number("class.4.transfer"));
	EXPECT_GE(spans + 1, number("class.4.spans"));
}

TEST(bad_calls_fail)
{
	uint64_t n = 0;
	uint32_t half;
	char c[2];
	size_t len;

	EXPECT_FAILS(EINVAL, shim_ctl(NULL, NULL, NULL, NULL, 0));
	EXPECT_FAILS(ENOENT, shim_ctl("", NULL, NULL, NULL, 0));
	EXPECT_FAILS(ENOENT, shim_ctl("no.such", NULL, NULL, NULL, 0));
	EXPECT_FAILS(ENOENT, shim_ctl("class.0.size", NULL, NULL, NULL, 0));
	EXPECT_FAILS(ENOENT, shim_ctl("class.999.size", NULL, NULL, NULL, 0));
	EXPECT_FAILS(ENOENT, shim_ctl("class.1.nothing", NULL, NULL, NULL, 0));
	EXPECT_FAILS(EPERM, set("allocated", 1));
	EXPECT_FAILS(EPERM, set("version", 1));
	EXPECT_FAILS(EPERM, set("class.1.size", 1));
	len = sizeof(n);
	EXPECT_FAILS(EPERM, shim_ctl("trim", &n, &len, NULL, 0));
	EXPECT_FAILS(EPERM, shim_ctl("trim", NULL, NULL, NULL, 0));
	EXPECT_FAILS(EINVAL, shim_ctl("trim", NULL, NULL, &half, 4));
	len = sizeof(half);
	EXPECT_FAILS(EINVAL, shim_ctl("allocated", &half, &len, NULL, 0));
	EXPECT_EQ(sizeof(n), len);
	EXPECT_FAILS(EINVAL, shim_ctl("allocated", &n, NULL, NULL, 0));
	len = sizeof(c);
	EXPECT_FAILS(ENOMEM, shim_ctl("version", c, &len, NULL, 0));
	EXPECT_LT(sizeof(c), len);
}

/*
 * A text fits where there is room for it and its terminator, and nowhere else.
 */
TEST(room_for_a_text)
{
	char text[64];
	size_t need = 0, len;

	ASSERT_EQ(0, shim_ctl("version", NULL, &need, NULL, 0));
	ASSERT_LT(1, need);
	ASSERT_GT(sizeof(text), need);
	memset(text, '~', sizeof(text));
	len = need;
	EXPECT_EQ(0, shim_ctl("version", text, &len, NULL, 0));
	EXPECT_EQ(need, len);
	EXPECT_EQ(need, strlen(text) + 1);
	EXPECT_EQ('~', text[need]);
	memset(text, '~', sizeof(text));
	len = need - 1;
	EXPECT_FAILS(ENOMEM, shim_ctl("version", text, &len, NULL, 0));
	EXPECT_EQ('~', text[0]);
}

TEST(settings_are_kept)
{
	uint64_t old = number("cache");

	EXPECT_EQ(0, set("cache", 123456));
	EXPECT_EQ(123456, number("cache"));
	EXPECT_EQ(0, set("cache", old));
	EXPECT_EQ(0, set("limit", (uint64_t)1 << 40));
	EXPECT_EQ((uint64_t)1 << 40, number("limit"));
	EXPECT_EQ(0, set("limit", 0));
}

/*
 * Allocate and free, since these calls check the limit, until @want is in
 * force.
 */
static bool in_force(uint64_t want)
{
	void *p[64];
	int i, k;

	for (i = 0; i < 60000; i++) {
		if (number("heap.limit") == want)
			return true;
		for (k = 0; k < 64; k++)
			p[k] = malloc(40000);
		for (k = 0; k < 64; k++)
			free(p[k]);
		usleep(1000);
	}
	return false;
}

/* Is a buffer that is freed kept for the next one? */
static bool keeps_buffers(void)
{
	set("flush", 0);
	free(malloc(300000));
	return number("large.kept");
}

static void by_turns(unsigned int n)
{
	while (n--) {
		free(malloc(60000));
		free(malloc(200000));
	}
}

/*
 * Two buffers by turns: the CPU keeps both, and takes neither from what all CPUs
 * share.  What it keeps is not allocated, and goes when all that is free does.
 */
TEST(buffers_by_turns_are_the_cpus)
{
	uint64_t allocated, hits;
	char *p, *q;
	int i;

	by_turns(10);
	set("flush", 0);
	allocated = number("allocated");
	EXPECT_EQ(0, number("large.kept"));
	by_turns(10);
	EXPECT_EQ((64 << 10) + (200 << 10), number("large.kept"));
	EXPECT_EQ(allocated, number("allocated"));
	hits = number("large.hits");
	by_turns(500);
	hits = number("large.hits") - hits;
	/* a thread that is moved to another CPU meanwhile begins anew */
	EXPECT_GE(number("cache.rseq") ? 500 : 1000, hits);
	/* what is taken of them is a whole object */
	p = malloc(60000);
	EXPECT_EQ(64 << 10, malloc_usable_size(p));
	memset(p, 1, 60000);
	free(p);
	q = calloc(1, 59000);
	for (i = 0; i < 59000; i++)
		ASSERT_EQ(0, q[i]);
	EXPECT_LE(allocated + (64 << 10), number("allocated"));
	p = realloc(q, 300000);
	EXPECT_EQ(0, p[58999]);
	free(p);
	malloc_trim(0);
	EXPECT_EQ(0, number("large.kept"));
	EXPECT_EQ(allocated, number("allocated"));
}

/* Beyond its limit the heap keeps no free memory. */
TEST(a_limit_acts)
{
	uint64_t set_before = number("limit"), old = number("heap.limit");
	void *p = malloc(64 << 20);

	ASSERT_NE(NULL, p);
	EXPECT_TRUE(keeps_buffers());
	EXPECT_EQ(0, set("limit", 32 << 20));
	EXPECT_TRUE(in_force(32 << 20));
	EXPECT_FALSE(keeps_buffers());
	EXPECT_EQ(0, set("limit", set_before));
	EXPECT_TRUE(in_force(old));
	EXPECT_TRUE(keeps_buffers());
	free(p);
}

/* ctl_options.sh sets these. */
TEST(options_come_from_the_environment)
{
	const char *options = getenv("SHIM_OPTIONS");
	char config[2048];
	size_t len = sizeof(config);

	ASSERT_EQ(0, shim_ctl("config", config, &len, NULL, 0));
	if (!options) {
		EXPECT_NE(NULL, strstr(config, "cache=0,"));
		EXPECT_NE(NULL, strstr(config, "check=0,"));
		return;
	}
	EXPECT_NE(NULL, strstr(config, "cache=2097152,"));
	EXPECT_NE(NULL, strstr(config, "rseq=0,"));
	EXPECT_NE(NULL, strstr(config, "limit=3221225472,"));
	EXPECT_EQ(0, number("cache.rseq"));
	EXPECT_EQ(2097152, number("cache"));
}

static unsigned int count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

TEST(unknown_options_are_reported_once)
{
	struct victim v;

	ASSERT_EQ(0, victim_run(&v, "nothing", "SHIM_OPTIONS=rseq=1,colour=red,"
				"limit=12q"));
	EXPECT_EQ(1, count(v.said, "SHIM_OPTIONS: option not understood: "
			   "colour=red\n"));
	EXPECT_EQ(1, count(v.said, "SHIM_OPTIONS: option not understood: "
			   "limit=12q\n"));
	EXPECT_EQ(2, count(v.said, "libshim"));
	ASSERT_EQ(0, victim_run(&v, "nothing", "SHIM_BACKEND=floppy"));
	EXPECT_EQ(1, count(v.said, "SHIM_BACKEND: option not understood: "
			   "floppy\n"));
	ASSERT_EQ(0, victim_run(&v, "nothing", "SHIM_OPTIONS=rseq=0"));
	EXPECT_EQ(0, count(v.said, "libshim"));
}

TEST(stats_are_printed_at_exit)
{
	struct victim v;

	ASSERT_EQ(0, victim_run(&v, "nothing", "SHIM_OPTIONS=stats"));
	EXPECT_EQ(1, count(v.said, "libshim: allocated "));
	EXPECT_EQ(1, count(v.said, "libshim: heap.mapped "));
}

TEST_HARNESS_MAIN
