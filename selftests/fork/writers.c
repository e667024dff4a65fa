// SPDX-License-Identifier: GPL-2.0-only
/*
 * fork() while threads write.  Each writer counts rounds: in every page of its
 * part it replaces the last round's number by this one's, front to back, and
 * would notice if one of its own writes got lost.  A child's picture must be
 * that of one moment: for each writer the newer round in front, the older one
 * behind it, never a third; and it never changes.
 */
#include "harness.h"
#include <pthread.h>

#define WRITERS		3
#define PAGE_WORDS	(OS_PAGE / sizeof(__u32))

struct writer {
	pthread_t thread;
	__u32 *words;
	size_t pages;
	int stop;
	unsigned long lost;
	unsigned int *rounds;	/* shared with children */
};

FIXTURE(writers) {
	struct arena a;
	struct writer w[WRITERS];
	unsigned int *rounds;
	__u32 *picture;
};

FIXTURE_VARIANT(writers) {
	size_t mib;
	int forks;
	int generations;
};

FIXTURE_VARIANT_ADD(writers, forks_2_of_16_mib) { 16, 2, 1 };
FIXTURE_VARIANT_ADD(writers, forks_16_of_4_mib) { 4, 16, 1 };
FIXTURE_VARIANT_ADD(writers, generations_3_of_8_mib) { 8, 3, 3 };

static __u32 *page_of(const struct writer *w, size_t page)
{
	return w->words + page * PAGE_WORDS;
}

static __u32 word_read(const __u32 *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void word_write(__u32 *p, __u32 v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static void *writer_body(void *arg)
{
	struct writer *w = arg;
	__u32 round;
	size_t i;

	for (round = 1; ; round++) {
		for (i = 0; i < w->pages; i++) {
			__u32 *first = page_of(w, i);
			__u32 *last = first + PAGE_WORDS - 1;

			if (__atomic_load_n(&w->stop, __ATOMIC_RELAXED))
				return NULL;
			w->lost += word_read(first) != round - 1 ||
				   word_read(last) != round - 1;
			word_write(first, round);
			word_write(last, round);
		}
		__atomic_store_n(w->rounds, round, __ATOMIC_RELAXED);
	}
}

/*
 * Wait until the writer has ended @n more rounds, the last of which began after
 * the call.
 */
static void rounds_pass(const struct writer *w, unsigned int n)
{
	unsigned int until = __atomic_load_n(w->rounds, __ATOMIC_RELAXED) + n;

	while (__atomic_load_n(w->rounds, __ATOMIC_RELAXED) < until)
		usleep(1000);
}

FIXTURE_SETUP(writers)
{
	size_t i, part;

	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, variant->mib / 2));
	memset(self->a.base, 0, self->a.size);
	/* the parts do not end at blocks: some are shared by two writers */
	part = self->a.size / OS_PAGE / WRITERS;
	self->picture = calloc(part * WRITERS, sizeof(__u32));
	ASSERT_NE(NULL, self->picture);
	self->rounds = mmap(NULL, OS_PAGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->rounds);
	for (i = 0; i < WRITERS; i++) {
		self->w[i].words = (void *)(self->a.base + i * part * OS_PAGE);
		self->w[i].pages = part;
		self->w[i].rounds = &self->rounds[i];
		ASSERT_EQ(0, pthread_create(&self->w[i].thread, NULL,
					    writer_body, &self->w[i]));
	}
}

FIXTURE_TEARDOWN(writers)
{
	int i;

	for (i = 0; i < WRITERS; i++) {
		/* each has checked a round, however slow the machine is */
		rounds_pass(&self->w[i], 2);
		__atomic_store_n(&self->w[i].stop, 1, __ATOMIC_RELAXED);
		pthread_join(self->w[i].thread, NULL);
		/* not one write of the parent may be lost */
		EXPECT_EQ(0, self->w[i].lost);
	}
	munmap(self->rounds, OS_PAGE);
	free(self->picture);
	arena_drop(&self->a);
}

/* One writer's picture is that of one moment; note it in @picture. */
static int picture_take(const struct writer *w, __u32 *picture)
{
	__u32 newest = word_read(page_of(w, 0)), before = newest;
	size_t i;

	for (i = 0; i < w->pages; i++) {
		__u32 first = word_read(page_of(w, i));
		__u32 last = word_read(page_of(w, i) + PAGE_WORDS - 1);

		/* between its two stores a page has both rounds */
		if (last != first && last + 1 != first)
			return 1;
		if (first > before || first + 1 < newest)
			return 2;
		before = first;
		picture[i] = first;
	}
	return 0;
}

static int picture_changed(const struct writer *w, const __u32 *picture)
{
	size_t i;

	for (i = 0; i < w->pages; i++)
		if (word_read(page_of(w, i)) != picture[i])
			return 1;
	return 0;
}

/* The child's part: take a picture, give the parent time to spoil it, write. */
static int child_judges(struct arena *a, struct writer *w, __u32 *picture,
			int generations)
{
	size_t pages = w[0].pages;
	int i, bad = 0;
	pid_t pid;

	for (i = 0; i < WRITERS; i++)
		bad |= picture_take(&w[i], picture + i * pages);
	/* the same picture, whatever the parent's writers write afterwards */
	for (i = 0; i < WRITERS; i++)
		rounds_pass(&w[i], 2);
	for (i = 0; i < WRITERS; i++)
		bad |= picture_changed(&w[i], picture + i * pages) << 2;
	if (generations > 1) {
		pid = child_fork();
		if (pid < 0)
			return 64;
		if (!pid)
			_exit(child_judges(a, w, picture, generations - 1));
	}
	pages_fill(a->base, a->size, generations);
	bad |= pages_wrong(a->base, a->size, generations) ? 8 : 0;
	if (generations > 1) {
		bad |= child_wait(pid) ? 16 : 0;
		bad |= pages_wrong(a->base, a->size, generations) ? 32 : 0;
	}
	return bad;
}

TEST_F(writers, no_write_is_lost_and_none_is_seen)
{
	int i, status;
	pid_t pid;

	for (i = 0; i < variant->forks; i++) {
		pid = child_fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(child_judges(&self->a, self->w, self->picture,
					   variant->generations));
		status = child_wait(pid);
		EXPECT_EQ(0, status) {
			TH_LOG("child %d", i);
			break;
		}
	}
}

TEST_HARNESS_MAIN
