// SPDX-License-Identifier: GPL-2.0-only
/*
 * mesh: spans that share memory, as a program sees it: nothing changes but what is
 * resident.
 *
 * On the module's blocks spans are meshed.  Elsewhere (mesh_off.sh, or a machine
 * without the module) they are not, with a reason, and all else is the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patience.h"
#include "load.h"
#include "shim.h"

#define SLOTS	20000	/* 150 spans of 64 bytes */
#define KEEP	10	/* one in so many stays */

/* Objects of one owner, each with what was written to it. */
struct set {
	uint64_t random;
	unsigned int slots;
	unsigned int bad;
	unsigned long writes;
	struct {
		unsigned char *p;
		uint32_t size;
		unsigned char seed;
	} *v;
};

static uint64_t number(const char *name)
{
	size_t len = sizeof(uint64_t);
	uint64_t n = 0;

	if (shim_ctl(name, &n, &len, NULL, 0))
		abort();
	return n;
}

static int set_number(const char *name, uint64_t n)
{
	return shim_ctl(name, NULL, NULL, &n, sizeof(n));
}

static bool on_module(void)
{
	char name[16];
	size_t len = sizeof(name);

	if (shim_ctl("backend", name, &len, NULL, 0))
		abort();
	return !strcmp(name, "kmod");
}

static uint64_t below(struct set *s, uint64_t n)
{
	return load_random(&s->random) % n;
}

static void object_write(struct set *s, unsigned int i)
{
	unsigned int k;

	s->v[i].seed = (unsigned char)load_random(&s->random);
	for (k = 0; k < s->v[i].size; k++)
		s->v[i].p[k] = (unsigned char)(s->v[i].seed + k);
	s->writes++;
}

static void object_check(struct set *s, unsigned int i)
{
	unsigned int k;

	for (k = 0; k < s->v[i].size; k++)
		if (s->v[i].p[k] != (unsigned char)(s->v[i].seed + k)) {
			s->bad++;
			return;
		}
}

static void object_make(struct set *s, unsigned int i, uint32_t size)
{
	s->v[i].p = malloc(size);
	if (!s->v[i].p)
		abort();
	s->v[i].size = size;
	object_write(s, i);
}

static void object_drop(struct set *s, unsigned int i)
{
	if (!s->v[i].p)
		return;
	object_check(s, i);
	free(s->v[i].p);
	s->v[i].p = NULL;
}

/* Sizes as given, or of some classes where it is 0. */
static void set_fill(struct set *s, uint32_t size)
{
	static const uint32_t some[] = { 48, 64, 100, 240, 1000 };
	unsigned int i;

	for (i = 0; i < s->slots; i++)
		if (!s->v[i].p)
			object_make(s, i, size ? size : some[below(s, 5)]);
}

static void set_thin(struct set *s)
{
	unsigned int i;

	for (i = 0; i < s->slots; i++)
		if (below(s, KEEP))
			object_drop(s, i);
}

static void set_check(struct set *s)
{
	unsigned int i;

	for (i = 0; i < s->slots; i++)
		if (s->v[i].p)
			object_check(s, i);
}

static void set_begin(struct set *s, unsigned int slots, uint64_t seed)
{
	*s = (struct set){ .random = seed, .slots = slots };
	s->v = calloc(slots, sizeof(*s->v));
	if (!s->v)
		abort();
}

static void set_end(struct set *s)
{
	unsigned int i;

	for (i = 0; i < s->slots; i++)
		object_drop(s, i);
	free(s->v);
}

static long pss_kb(void)
{
	char line[256];
	long kb = -1;
	FILE *f = fopen("/proc/self/smaps_rollup", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pss: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

/* The heap has outgrown 4 KiB memory, so that it is the module's. */
static void outgrow(void)
{
	void *p = malloc(40 << 20);

	memset(p, 1, 40 << 20);
	free(p);
}

static bool state_is(const char *want)
{
	char state[128];
	size_t len = sizeof(state);

	if (shim_ctl("mesh.state", state, &len, NULL, 0))
		abort();
	return !strcmp(state, want);
}

/* A program that goes on: ticks come where memory is freed, not from caches only. */
static void live_on(struct set *s)
{
	struct set some;

	set_begin(&some, 4000, 80);
	set_fill(&some, 3000);
	s->bad += some.bad;
	set_end(&some);
	set_check(s);
}

/* With mesh=auto it begins on the module, once the heap is worth it. */
TEST(it_begins_by_itself)
{
	const char *backend = getenv("SHIM_BACKEND");
	unsigned int bad;
	struct set s;

	if ((backend && !strcmp(backend, "thp")) ||
	    access("/dev/hugearena", R_OK | W_OK)) {
		outgrow();
		ASSERT_FALSE(on_module());
		EXPECT_TRUE(state_is("off: the memory is not the module's"));
		return;
	}
	EXPECT_TRUE(state_is("off: the heap is small"));
	EXPECT_EQ(0, number("mesh.enabled"));
	outgrow();
	ASSERT_TRUE(on_module());
	set_begin(&s, SLOTS, 79);
	while (!number("mesh.enabled"))
		live_on(&s);
	EXPECT_TRUE(state_is("on: paced"));
	/* 25 MB, of which the first 16 may be of the time before */
	set_end(&s);
	set_begin(&s, 20 * SLOTS, 79);
	set_fill(&s, 64);
	set_thin(&s);
	while (!number("mesh.spans"))
		live_on(&s);
	bad = s.bad;
	set_end(&s);
	EXPECT_EQ(0, bad + s.bad);
	/* who does not want it says so */
	EXPECT_EQ(0, set_number("mesh.enabled", 0));
	EXPECT_TRUE(state_is("off"));
}

FIXTURE(mesh) {
	struct set s;
	bool module;
};

FIXTURE_SETUP(mesh)
{
	outgrow();
	self->module = on_module();
	if (!getenv("SHIM_BACKEND") && !access("/dev/hugearena", R_OK | W_OK))
		ASSERT_TRUE(self->module);
	if (self->module)
		ASSERT_EQ(0, set_number("mesh.enabled", 1));
	set_begin(&self->s, SLOTS, 77);
}

FIXTURE_TEARDOWN(mesh)
{
	EXPECT_EQ(0, self->s.bad);
	set_end(&self->s);
	EXPECT_EQ(0, self->s.bad);
	malloc_trim(0);
	EXPECT_EQ(0, number("mesh.aliases"));
	EXPECT_EQ(0, number("mesh.bytes"));
	EXPECT_EQ(number("mesh.spans"), number("mesh.left"));
}

TEST_F(mesh, it_says_whether_and_why_not)
{
	char state[128];
	size_t len = sizeof(state);

	if (self->module)
		EXPECT_EQ(0, set_number("mesh.enabled", 0));
	ASSERT_EQ(0, shim_ctl("mesh.state", state, &len, NULL, 0));
	if (self->module) {
		EXPECT_STREQ("off", state);
		EXPECT_EQ(0, set_number("mesh.enabled", 1));
		EXPECT_EQ(1, number("mesh.enabled"));
		len = sizeof(state);
		ASSERT_EQ(0, shim_ctl("mesh.state", state, &len, NULL, 0));
		EXPECT_STREQ("on", state);
	} else {
		EXPECT_EQ(0, strncmp(state, "off: ", 5));
		EXPECT_LT(10, strlen(state));
		EXPECT_EQ(-1, set_number("mesh.enabled", 1));
		EXPECT_EQ(EOPNOTSUPP, errno);
		EXPECT_EQ(0, number("mesh.enabled"));
	}
	EXPECT_EQ(-1, set_number("mesh.enabled", 2));
	EXPECT_EQ(EINVAL, errno);
}

/* What the statistics say is saved, the kernel does not count any more. */
TEST_F(mesh, memory_comes_back_and_objects_stay)
{
	long before, after;
	uint64_t saved;

	/* nothing before it is looked at */
	set_number("mesh.enabled", 0);
	/* more than the rest of what the heap has begun with, see outgrow() */
	set_end(&self->s);
	set_begin(&self->s, 5 * SLOTS, 78);
	set_fill(&self->s, 64);
	set_thin(&self->s);
	malloc_trim(0);
	set_check(&self->s);
	before = pss_kb();
	if (self->module)
		ASSERT_EQ(0, set_number("mesh.enabled", 1));
	malloc_trim(0);
	malloc_trim(0);
	/* what is not mapped does not count: touch it all */
	set_check(&self->s);
	after = pss_kb();
	saved = number("mesh.bytes");
	TH_LOG("Pss %ld kB, then %ld; %lu saved by %lu aliases, %lu refused",
	       before, after, (unsigned long)saved / 1024,
	       (unsigned long)number("mesh.aliases"),
	       (unsigned long)(number("mesh.busy") + number("mesh.absent") +
			       number("mesh.failed")));
	set_check(&self->s);
	if (!self->module) {
		EXPECT_EQ(0, saved);
		return;
	}
	/* of 6 MiB of which a tenth is live, and 2 MiB may not be the module's */
	EXPECT_LT(1 << 20, saved);
	/* the kernel counts in its own time, and blocks that were cut as well */
	EXPECT_LT(after, before - (long)(saved / 1024 / 4));
	EXPECT_EQ(number("mesh.spans"),
		  number("mesh.aliases") + number("mesh.left"));
	EXPECT_LE(number("mesh.bytes"), number("mesh.aliases") * 8192);
}

TEST_F(mesh, objects_come_and_go_in_what_is_meshed)
{
	unsigned int round, i;

	for (round = 0; round < 6; round++) {
		set_fill(&self->s, round % 2 ? 64 : 0);
		set_thin(&self->s);
		malloc_trim(0);
		set_check(&self->s);
		for (i = 0; i < self->s.slots; i++) {
			void *p;

			if (!self->s.v[i].p)
				continue;
			EXPECT_LE(self->s.v[i].size,
				  malloc_usable_size(self->s.v[i].p));
			object_write(&self->s, i);
			if (below(&self->s, 3))
				continue;
			p = realloc(self->s.v[i].p, self->s.v[i].size * 2);
			ASSERT_NE(NULL, p);
			self->s.v[i].p = p;
			object_check(&self->s, i);
			self->s.v[i].size *= 2;
			object_write(&self->s, i);
		}
		set_check(&self->s);
		for (i = 0; i < self->s.slots; i++)
			if (self->s.v[i].size > 2000)
				object_drop(&self->s, i);
	}
	if (self->module)
		EXPECT_LT(0, number("mesh.spans"));
}

/* Parent and child write to all of it, and neither sees the other's. */
TEST_F(mesh, a_child_has_its_own)
{
	unsigned int i, round;
	int status;
	pid_t pid;

	set_fill(&self->s, 64);
	set_thin(&self->s);
	malloc_trim(0);
	for (round = 0; round < 3; round++) {
		pid = fork();
		ASSERT_LE(0, pid);
		for (i = 0; i < self->s.slots; i++)
			if (self->s.v[i].p) {
				object_check(&self->s, i);
				/* not the same in both */
				if (!pid)
					load_random(&self->s.random);
				object_write(&self->s, i);
			}
		set_check(&self->s);
		if (!pid) {
			set_thin(&self->s);
			malloc_trim(0);
			set_check(&self->s);
			set_fill(&self->s, 64);
			set_check(&self->s);
			_exit(!!self->s.bad);
		}
		/* refused while there is a relative */
		malloc_trim(0);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
		set_check(&self->s);
	}
}

/* Threads against meshes; SCALE= and COUNT= as in the soak tests. */
struct race {
	struct set set[4];
	pthread_t thread[4];
	int stop;
};

static struct race race;

static void *writer(void *arg)
{
	struct set *s = arg;
	unsigned int n, i;

	while (!__atomic_load_n(&race.stop, __ATOMIC_RELAXED)) {
		set_fill(s, 0);
		set_thin(s);
		for (n = 0; n < 4 * s->slots; n++) {
			i = (unsigned int)below(s, s->slots);
			if (!s->v[i].p)
				continue;
			object_check(s, i);
			object_write(s, i);
		}
	}
	return NULL;
}

/* Puts objects into a pipe as they are, and looks at what comes out. */
static void *pinner(void *arg)
{
	struct set *s = arg;
	unsigned char out[64];
	unsigned int i;
	int p[2];

	if (pipe(p))
		abort();
	set_fill(s, 64);
	while (!__atomic_load_n(&race.stop, __ATOMIC_RELAXED)) {
		struct iovec iov = { .iov_len = sizeof(out) };

		i = (unsigned int)below(s, s->slots);
		if (!s->v[i].p) {
			object_make(s, i, 64);
			continue;
		}
		iov.iov_base = s->v[i].p;
		s->bad += vmsplice(p[1], &iov, 1, 0) != sizeof(out);
		usleep(1000);
		s->bad += read(p[0], out, sizeof(out)) != sizeof(out) ||
			  memcmp(out, s->v[i].p, sizeof(out));
		s->writes++;
		if (below(s, 2))
			object_drop(s, i);
	}
	close(p[0]);
	close(p[1]);
	return NULL;
}

/* A child that looks at a set that nobody else has, and is killed or not. */
static unsigned int child(struct set *s, bool killed)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		unsigned int i;

		do {
			set_check(s);
			for (i = 0; i < s->slots; i++)
				if (s->v[i].p)
					object_write(s, i);
		} while (killed);
		set_check(s);
		_exit(!!s->bad);
	}
	if (pid < 0)
		return 1;
	if (killed) {
		usleep(5000);
		kill(pid, SIGKILL);
	}
	if (waitpid(pid, &status, 0) != pid)
		return 1;
	return killed ? !WIFSIGNALED(status) : status;
}

static unsigned long scaled(unsigned long figure)
{
	const char *scale = getenv("SCALE");
	double n = (double)figure * (scale ? strtod(scale, NULL) : 0.01);

	return n < 1 ? 1 : (unsigned long)n;
}

TEST_F(mesh, race)
{
	unsigned long target = scaled(10000000), writes = 0, rounds, bad = 0;
	uint64_t meshes = number("mesh.meshes");
	unsigned int i, wrong = 0;

	race.stop = 0;
	for (i = 0; i < 4; i++) {
		set_begin(&race.set[i], 2000, 100 + i);
		ASSERT_EQ(0, pthread_create(&race.thread[i], NULL,
					    i ? writer : pinner,
					    &race.set[i]));
	}
	/* as a program that is never idle: the time is not ours to choose */
	for (rounds = 0; writes < target ||
	     (self->module && number("mesh.meshes") - meshes < 500); rounds++) {
		set_fill(&self->s, 64);
		set_thin(&self->s);
		malloc_trim(0);
		set_check(&self->s);
		/* a child ends meshing for a while */
		if (rounds % 16 == 15)
			wrong += child(&self->s, rounds % 32 == 31);
		for (i = 0, writes = 0; i < 4; i++)
			writes += __atomic_load_n(&race.set[i].writes,
						  __ATOMIC_RELAXED);
	}
	__atomic_store_n(&race.stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 4; i++) {
		pthread_join(race.thread[i], NULL);
		set_check(&race.set[i]);
		set_end(&race.set[i]);
		bad += race.set[i].bad;
	}
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(0, self->s.bad);
	TH_LOG("%lu rounds, %lu meshes, %lu busy", rounds,
	       (unsigned long)(number("mesh.meshes") - meshes),
	       (unsigned long)number("mesh.busy"));
	printf("# soak: mesh %lu %lu %lu\n", target, writes,
	       bad + wrong + self->s.bad);
}

int main(int argc, char **argv)
{
	/* libshim reads it before main() */
	if (!getenv("SHIM_OPTIONS")) {
		setenv("SHIM_OPTIONS", "mesh=auto", 1);
		execv("/proc/self/exe", argv);
		return KSFT_FAIL;
	}
	return test_harness_run(argc, argv);
}
