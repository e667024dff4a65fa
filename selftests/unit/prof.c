// SPDX-License-Identifier: GPL-2.0-only
/*
 * prof: samples are as frequent as chance demands, and counted where they
 * belong.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/patience.h"

#include "base/conf.h"
#include "base/prof.h"

#define RATE	4096
#define DRAWS	400000

FIXTURE(prof) {
	int unused;
};

FIXTURE_SETUP(prof)
{
	shim_conf.profile = RATE;
}

FIXTURE_TEARDOWN(prof)
{
}

/* exp(-x) by the first terms of its series, since libm is not linked. */
static double exp_minus(double x)
{
	double sum = 1, term = 1;
	int i;

	for (i = 1; i < 60; i++) {
		term *= -x / i;
		sum += term;
	}
	return sum;
}

/* How many of @n requests of @size are samples. */
static unsigned int samples(size_t size, unsigned int n)
{
	unsigned int hit = 0, i;

	for (i = 0; i < n; i++)
		hit += prof_tick(size);
	return hit;
}

/*
 * Binomial: DRAWS * p on average, with a standard deviation below its square
 * root.  Five of those are exceeded once in two million runs.
 */
TEST_F(prof, chance_by_size)
{
	static const size_t sizes[] = {
		16, 100, 1000, RATE, 3 * RATE, 20 * RATE,
	};
	unsigned int i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		double p = 1 - exp_minus((double)sizes[i] / RATE);
		double want = DRAWS * p;
		double seen = samples(sizes[i], DRAWS);
		double off = (seen - want) * (seen - want);

		EXPECT_LE(off, 25 * want) {
			TH_LOG("%zu bytes: %.0f samples, not %.0f", sizes[i],
			       seen, want);
		}
	}
}

/* Alternating sizes do not disturb each other. */
TEST_F(prof, chance_of_a_mix)
{
	unsigned int small = 0, large = 0, i;
	double p = 1 - exp_minus(16.0 / RATE), q = 1 - exp_minus(0.5), d;

	for (i = 0; i < DRAWS; i++) {
		small += prof_tick(16);
		large += prof_tick(RATE / 2);
	}
	d = small - DRAWS * p;
	EXPECT_LE(d * d, 25 * DRAWS * p);
	d = large - DRAWS * q;
	EXPECT_LE(d * d, 25 * DRAWS * q);
}

TEST_F(prof, every_allocation_with_a_rate_of_one)
{
	shim_conf.profile = 1;
	while (!prof_tick(1 << 20))	/* what the last rate left */
		;
	EXPECT_LE(9990, samples(64, 10000));
}

__attribute__((noinline)) static struct prof_stack *take_here(size_t size)
{
	struct prof_stack *s = prof_take(size);

	__asm__ volatile("");	/* no tail call */
	return s;
}

__attribute__((noinline)) static struct prof_stack *take_there(size_t size)
{
	struct prof_stack *s = prof_take(size);

	__asm__ volatile("" : : "r"(s));
	return s;
}

TEST_F(prof, a_record_for_each_stack_and_size)
{
	static const size_t sizes[] = { 100, 100, 1000 };
	struct prof_stack *a[3], *b, *c;
	volatile int n = 3;	/* one call site, not three */
	int i;

	for (i = 0; i < n; i++)
		a[i] = take_here(sizes[i]);
	b = take_there(100);
	c = a[2];
	ASSERT_NE(NULL, a[0]);
	EXPECT_EQ(a[0], a[1]);
	EXPECT_NE(a[0], b);
	EXPECT_NE(a[0], c);
	EXPECT_EQ(2, a[0]->live.objects);
	EXPECT_EQ(200, a[0]->live.bytes);
	EXPECT_EQ(1, b->live.objects);
	EXPECT_LE(3, a[0]->nframes);
	EXPECT_GE(PROF_FRAMES, a[0]->nframes);
	/* at 100 the bound is not far away */
	EXPECT_LE(100, a[0]->size);
	EXPECT_GE(115, a[0]->size);
	EXPECT_EQ(3, shim_prof.nstacks);
	EXPECT_EQ(4, shim_prof.samples);
	EXPECT_EQ(1300, shim_prof.live.bytes);
}

TEST_F(prof, what_is_freed_is_not_live)
{
	struct prof_stack *s = take_here(5000), *l;

	ASSERT_NE(NULL, s);
	/* it is counted among objects of its current size */
	l = prof_resize(s, 5000, 6000);
	EXPECT_NE(s, l);
	EXPECT_EQ(0, s->live.objects);
	EXPECT_EQ(0, s->live.bytes);
	EXPECT_EQ(0, s->total.bytes);
	EXPECT_EQ(1, l->live.objects);
	EXPECT_EQ(6000, l->live.bytes);
	EXPECT_EQ(s, prof_resize(l, 6000, 4999));
	EXPECT_EQ(4999, s->live.bytes);
	prof_drop(s, 4999);
	EXPECT_EQ(0, s->live.objects);
	EXPECT_EQ(0, s->live.bytes);
	/* allocated in all: one object, with the largest size it had */
	EXPECT_EQ(0, s->total.objects);
	EXPECT_EQ(1, l->total.objects);
	EXPECT_EQ(6000, l->total.bytes);
	EXPECT_EQ(0, shim_prof.live.objects);
	EXPECT_EQ(0, shim_prof.live.bytes);
}

static void *keeps(void *arg)
{
	int i, *kept = arg;

	for (i = 0; i < 1000; i++)
		*kept += prof_keeps(1 << 20, 1 << 19);
	return NULL;
}

/* A thread that has never sampled shrinks another one's object. */
TEST_F(prof, chance_in_a_new_thread)
{
	int kept = 0;
	pthread_t t;

	shim_conf.profile = 512 << 10;
	ASSERT_EQ(0, pthread_create(&t, NULL, keeps, &kept));
	ASSERT_EQ(0, pthread_join(t, NULL));
	/* (1 - e^-1) / (1 - e^-2) is 0.73, with a deviation of 14 in 1,000 */
	EXPECT_LT(630, kept);
	EXPECT_GT(830, kept);
}

TEST_F(prof, the_peak_stays)
{
	struct prof_stack *s[20];
	int i;

	for (i = 0; i < 20; i++)
		s[i] = take_here(1000);
	for (i = 0; i < 20; i++)
		prof_drop(s[i], 1000);
	EXPECT_EQ(0, s[0]->live.objects);
	EXPECT_LE(18, s[0]->peak.objects);
	EXPECT_GE(20, s[0]->peak.objects);
	EXPECT_EQ(shim_prof.peak_bytes, s[0]->peak.bytes);
}

/* The peak is what was live at the time, not the sum of all there was. */
TEST_F(prof, the_peak_is_of_what_was_live)
{
	struct prof_stack *s[40];
	volatile int rounds = 2;	/* one call site, not two */
	int round, i, n;

	/*
	 * the first ten are gone when forty more come from the same call site
	 */
	for (round = 0; round < rounds; round++) {
		n = round ? 40 : 10;
		for (i = 0; i < n; i++)
			s[i] = take_here(1000);
		for (i = 0; !round && i < n; i++)
			prof_drop(s[i], 1000);
	}
	EXPECT_EQ(50, s[0]->total.objects);
	EXPECT_LE(36, s[0]->peak.objects);
	EXPECT_GE(40, s[0]->peak.objects);
	EXPECT_EQ(shim_prof.peak_bytes, s[0]->peak.bytes);
	for (i = 0; i < 40; i++)
		prof_drop(s[i], 1000);
}

#define THREADS	4
#define EACH	2000

static void *take_and_drop(void *arg)
{
	int i;

	for (i = 0; i < EACH; i++) {
		struct prof_stack *s = take_here(64);

		if (s && i % 2)
			prof_drop(s, 64);
		if (!s)
			*(int *)arg = 1;
	}
	return NULL;
}

TEST_F(prof, threads)
{
	pthread_t t[THREADS];
	int bad = 0, i;

	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, take_and_drop, &bad));
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	EXPECT_EQ(0, bad);
	EXPECT_EQ(THREADS * EACH, shim_prof.samples);
	EXPECT_EQ(THREADS * EACH / 2, shim_prof.live.objects);
	EXPECT_EQ(0, shim_prof.lost);
}

TEST_F(prof, a_child_goes_on)
{
	struct prof_stack *s = take_here(100);
	int status;
	pid_t pid;

	prof_fork_prepare();
	pid = fork();
	if (!pid) {
		prof_fork_child();
		take_here(100);
		prof_drop(s, 100);
		_exit(shim_prof.live.objects != 1);
	}
	prof_fork_parent();
	waitpid(pid, &status, 0);
	EXPECT_EQ(0, status);
	EXPECT_EQ(1, shim_prof.live.objects);
}

/* The content of PREFIX.PID.NAME, or of a file that others put there. */
static const char *file_of(const char *name)
{
	static char text[1 << 16];
	char path[512];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "%s.%d.%s", shim_conf.profile_file,
		 getpid(), name);
	fd = open(path, O_RDONLY);
	len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	text[len > 0 ? len : 0] = '\0';
	close(fd);
	unlink(path);
	return text;
}

/*
 * Each moment has a file of its own, complete, and no other file is written to.
 */
TEST_F(prof, files)
{
	char dir[] = "/tmp/prof-XXXXXX", trap[300], other[300];
	unsigned long long objects, bytes;
	struct stat st;

	ASSERT_NE(NULL, mkdtemp(dir));
	snprintf(shim_conf.profile_file, sizeof(shim_conf.profile_file),
		 "%s/a", dir);
	take_here(100);
	take_here(100);
	prof_dump(PROF_AT_EXIT);
	EXPECT_EQ(2, sscanf(file_of("exit.heap"),
			    "heap profile: %llu: %llu [", &objects, &bytes));
	EXPECT_EQ(shim_prof.live.objects, objects);
	EXPECT_EQ(shim_prof.live.bytes, bytes);
	prof_dump(PROF_AT_PEAK);
	EXPECT_NE(NULL, strstr(file_of("peak.heap"), "MAPPED_LIBRARIES:\n"));
	prof_dump(PROF_AT_SIGNAL);
	prof_dump(PROF_AT_SIGNAL);
	EXPECT_EQ(0, strncmp(file_of("1.heap"), "heap profile: ", 14));
	EXPECT_EQ(0, strncmp(file_of("2.heap"), "heap profile: ", 14));
	/* a link planted there is replaced, not followed */
	snprintf(other, sizeof(other), "%s/other", dir);
	snprintf(trap, sizeof(trap), "%s.%d.exit.heap.new",
		 shim_conf.profile_file, getpid());
	ASSERT_EQ(0, close(open(other, O_WRONLY | O_CREAT, 0600)));
	ASSERT_EQ(0, symlink(other, trap));
	prof_dump(PROF_AT_EXIT);
	ASSERT_EQ(0, stat(other, &st));
	EXPECT_EQ(0, st.st_size);
	EXPECT_EQ(0, strncmp(file_of("exit.heap"), "heap profile: ", 14));
	/* after a sandbox has been announced nothing is opened */
	prof_dump_blind();
	prof_dump(PROF_AT_EXIT);
	EXPECT_STREQ("", file_of("exit.heap"));
	unlink(other);
	EXPECT_EQ(0, rmdir(dir));
	shim_conf.profile_file[0] = '\0';
}

TEST_HARNESS_MAIN
