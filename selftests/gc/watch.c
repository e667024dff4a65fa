// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mode dirty with the module's dirty bits, by a core and a module that are
 * played here, so that each answer of the module comes when the test wants it:
 * bits read while the program runs and again at the end, none because a child
 * shares the arena, the file closed, no memory.
 *
 * The arena is anonymous memory; a page counts as written to if it differs from
 * a copy.  What the real ones do: collect:source, in a VM.
 */
#define SEAM_CORE
#include <sys/mman.h>

#include "seam/seam.h"

#include "edges.h"

#define OS_PAGE		4096
#define COPIED		((size_t)256 << 20)	/* all that tests get to use */
#define SPANS		100000

static struct seam_span span[SPANS];
static unsigned int nr_spans, nr_outside;
static uintptr_t arena;
static size_t arena_size;
static char *copy;
static unsigned int nr_asked, nr_released;
static long answer;			/* negative: the module's errno */
static long answer_after;		/* so many true answers */
static bool is_old;			/* knows no arenas of pages */
static bool reports = true;

uint32_t seam_version(void)
{
	return SEAM_VERSION;
}

struct seam_span *seam_span_get(size_t npages, size_t align,
				const struct seam_owner *owner, void *data,
				bool *zero)
{
	struct seam_span *s = &span[nr_spans++];
	size_t len = npages * SEAM_PAGE_SIZE;
	char *p;

	(void)align;
	if (nr_spans > SPANS)
		return NULL;
	p = mmap(NULL, len + SEAM_PAGE_SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	nr_outside++;
	s->owner = owner;
	s->data = data;
	s->start = ((uintptr_t)p + SEAM_PAGE_SIZE - 1) &
		   ~(uintptr_t)(SEAM_PAGE_SIZE - 1);
	s->bytes = len;
	*zero = true;
	return s;
}

void seam_span_put(struct seam_span *s)
{
	madvise((void *)s->start, s->bytes, MADV_DONTNEED);
}

int seam_arena(struct seam_arena *a, unsigned int kind, uint32_t flags,
	       size_t size, const char *name)
{
	void *p;

	(void)flags;
	(void)name;
	if (is_old || kind != 1)
		return -EOPNOTSUPP;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -ENOMEM;
	copy = mmap(NULL, COPIED, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	arena = (uintptr_t)p;
	arena_size = size;
	a->base = arena;
	a->size = size;
	return copy == MAP_FAILED ? -ENOMEM : 0;
}

void seam_arena_put(struct seam_arena *a)
{
	munmap((void *)a->base, a->size);
	arena = 0;
}

int seam_arena_fd(const struct seam_arena *a)
{
	(void)a;
	return -1;
}

unsigned int seam_release(const struct seam_arena *a, const struct seam_range *r,
			  unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		madvise((void *)(a->base + r[i].offset), r[i].len,
			MADV_DONTNEED);
		memset(copy + r[i].offset, 0, r[i].len);
		nr_released++;
	}
	return nr;
}

long seam_dirty(const struct seam_arena *a, uint64_t offset, uint64_t len,
		uint64_t *bitmap)
{
	uint64_t i, at, n = 0;

	nr_asked++;
	if (answer && answer_after-- <= 0)
		return answer;
	if (offset + len > COPIED)
		return -EINVAL;
	memset(bitmap, 0, (len / OS_PAGE + 63) / 64 * 8);
	for (i = 0; i < len / OS_PAGE; i++) {
		at = offset + i * OS_PAGE;
		if (!reports ||
		    !memcmp(copy + at, (void *)(a->base + at), OS_PAGE))
			continue;
		memcpy(copy + at, (void *)(a->base + at), OS_PAGE);
		bitmap[i / 64] |= 1ull << (i % 64);
		n++;
	}
	return (long)n;
}

void seam_usage(struct seam_usage *u)
{
	memset(u, 0, sizeof(*u));
	u->left = SIZE_MAX;
}

void seam_look(void)
{
}

void seam_on_fork(enum seam_layer layer, const struct seam_fork *ops)
{
	(void)layer;
	(void)ops;
}

static void nothing(bool arg)
{
	(void)arg;
}

static bool is_in_arena(const void *p)
{
	return arena && (uintptr_t)p - arena < arena_size;
}

static struct shim_gc_stat stat_now(void)
{
	struct shim_gc_stat st;

	shim_gc_get_stat(&st, sizeof(st));
	return st;
}

FIXTURE(watch) {
};

FIXTURE_SETUP(watch)
{
	ASSERT_EQ(0, init(SHIM_GC_DIRTY));
	ASSERT_EQ(SHIM_GC_DIRTY, stat_now().mode);
	ASSERT_EQ(SHIM_GC_DIRTY_MODULE, stat_now().dirty);
	prepare_holders();
	prepare();
	shim_gc_set_verify(true);
}

FIXTURE_TEARDOWN(watch)
{
	EXPECT_EQ(0, stat_now().missed);
}

/* Pointers may only lie where writes are known; the rest need not. */
TEST_F(watch, objects_with_pointers_are_in_the_arena)
{
	static const unsigned int first;
	static const struct shim_gc_type type = {
		.size = 16, .nr = 1, .offset = &first,
	};

	EXPECT_TRUE(is_in_arena(shim_gc_alloc(40)));
	EXPECT_TRUE(is_in_arena(shim_gc_alloc(1 << 20)));
	EXPECT_TRUE(is_in_arena(shim_gc_alloc_typed(&type, 1)));
	EXPECT_FALSE(is_in_arena(shim_gc_alloc_data(40)));
	EXPECT_FALSE(is_in_arena(shim_gc_alloc_data(1 << 20)));
	EXPECT_FALSE(is_in_arena(shim_gc_alloc_data(4)));
}

/* Seen by the look at pages that is taken beside the program. */
TEST_F(watch, moved_before_the_mark)
{
	ASSERT_EQ(0, run_cycle(move_edges, false));
	EXPECT_EQ(SOME, count_left(weak, SOME));
	EXPECT_EQ(SOME, count_whole());
}

/* Seen by the look at the end only. */
TEST_F(watch, moved_after_the_mark)
{
	ASSERT_EQ(0, run_cycle_twice(take_edges, give_edges));
	EXPECT_EQ(SOME, count_left(weak, SOME));
	EXPECT_EQ(SOME, count_whole());
}

static void fork_begins(bool arg)
{
	give_edges(arg);
	answer = -EBUSY;
	answer_after = 0;
}

/* A child was made while marking went on: all pages count as written to. */
TEST_F(watch, busy_at_the_end)
{
	ASSERT_EQ(0, run_cycle_twice(take_edges, fork_begins));
	EXPECT_EQ(SOME, count_left(weak, SOME));
	EXPECT_EQ(SOME, count_whole());
	EXPECT_EQ(SHIM_GC_DIRTY, stat_now().mode);
}

static void fork_ends(bool arg)
{
	give_edges(arg);
	answer = 0;
}

/* It has ended: what is told is since an older look, so more. */
TEST_F(watch, busy_at_the_beginning)
{
	answer = -EBUSY;
	ASSERT_EQ(0, run_cycle_twice(take_edges, fork_ends));
	EXPECT_EQ(SOME, count_left(weak, SOME));
	EXPECT_EQ(SOME, count_whole());
	EXPECT_EQ(SHIM_GC_DIRTY, stat_now().mode);
}

TEST_F(watch, busy_all_the_time)
{
	answer = -EBUSY;
	ASSERT_EQ(0, run_cycle_twice(take_edges, give_edges));
	EXPECT_EQ(SOME, count_left(weak, SOME));
	EXPECT_EQ(SOME, count_whole());
	EXPECT_EQ(1, stat_now().concurrent);
}

/* The application has closed the arena's file: nobody knows any more. */
TEST_F(watch, closed)
{
	answer = -EBADF;
	ASSERT_EQ(0, shim_gc_begin());
	while (stat_now().mode == SHIM_GC_DIRTY)
		usleep(1000);
	EXPECT_EQ(SHIM_GC_STOP, stat_now().mode);
	take_edges(false);
	give_edges(false);
	ASSERT_EQ(0, collect());
	EXPECT_EQ(SOME, count_whole());
}

/* It is closed while marking goes on. */
static void close_it(bool arg)
{
	give_edges(arg);
	answer = -EBADF;
	answer_after = 0;
}

TEST_F(watch, closed_at_the_end)
{
	ASSERT_EQ(0, run_cycle_twice(take_edges, close_it));
	EXPECT_EQ(SOME, count_left(weak, SOME));
	EXPECT_EQ(SOME, count_whole());
}

/* Where the arena has no memory, spans are of the core, and all is looked at. */
TEST_F(watch, without_memory_for_the_arena)
{
	uintptr_t rest;
	unsigned int i;
	void *p;

	/* what was handed out, with what was got ahead, lies below */
	rest = arena + ((size_t)8 << 20);
	ASSERT_EQ(0, mprotect((void *)rest, arena_size - (rest - arena),
			      PROT_NONE));
	nr_outside = 0;
	p = shim_gc_alloc(16 << 20);
	ASSERT_NE(NULL, p);
	EXPECT_FALSE(is_in_arena(p));
	/* large ones, since spans of the arena have room for small ones */
	for (i = 0; i < SOME; i++) {
		root_a[i] = shim_gc_alloc(9 << 20);
		ASSERT_NE(NULL, root_a[i]);
		ASSERT_FALSE(is_in_arena(root_a[i]));
	}
	EXPECT_LT(SOME, nr_outside);
	ASSERT_EQ(0, run_cycle_twice(take_edges, give_edges));
	EXPECT_EQ(SOME, count_left(weak, SOME));
	EXPECT_EQ(SOME, count_whole());
}

#define MANY		2000
#define SIZE		2048

static void **many;

static __attribute__((noinline)) void fill_many(void)
{
	unsigned int i, k;

	many = shim_gc_alloc(MANY * sizeof(*many));
	for (i = 0; i < MANY; i++) {
		many[i] = shim_gc_alloc(SIZE);
		for (k = 0; k < SIZE; k++)
			if (((char *)many[i])[k])
				abort();
		memset(many[i], 0x11, SIZE);
	}
}

static __attribute__((noinline)) unsigned int count_filled(void)
{
	unsigned int i, k, n = 0;

	for (i = 0; i < MANY; i++) {
		for (k = 0; k < SIZE && ((char *)many[i])[k] == 0x11; k++)
			;
		n += k == SIZE;
	}
	return n;
}

/* Free from one collection to the next but one: its memory goes. */
TEST_F(watch, memory_is_given_back)
{
	unsigned int i;

	fill_many();
	many = NULL;
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, collect());
	EXPECT_LT(0, nr_released);
	/* what was given back reads as zero, what was not is cleared */
	fill_many();
	EXPECT_EQ(MANY, count_filled());
}

/* Used again in between: it stays. */
TEST_F(watch, what_is_used_again_is_not_given_back)
{
	unsigned int i;

	/* which pages are used again depends on when spans are swept */
	for (i = 0; i < 8; i++) {
		fill_many();
		many = NULL;
		ASSERT_EQ(0, collect());
		ASSERT_EQ(0, collect());
		fill_many();
		ASSERT_EQ(0, collect());
		ASSERT_EQ(0, collect());
		EXPECT_EQ(MANY, count_filled());
	}
}

static const unsigned int at_0;
static const struct shim_gc_type small_type = {
	.size = 32, .nr = 1, .offset = &at_0,
};

static struct node **typed[2];

static void touch(bool arg)
{
	(void)arg;
	*(struct node *volatile *)typed[0] = root_b[0];
	*(struct node *volatile *)typed[1] = root_b[1];
}

/*
 * Objects that a thread has and did not hand out have their memory's old
 * contents, where the type of others is.
 */
TEST_F(watch, objects_that_were_not_handed_out)
{
	fill_many();
	many = NULL;
	ASSERT_EQ(0, collect());
	typed[0] = shim_gc_alloc_typed(&small_type, 1);
	typed[1] = shim_gc_alloc_typed(&small_type, 1);
	ASSERT_TRUE(is_in_arena(typed[0]));
	ASSERT_EQ(0, run_cycle(touch, false));
	ASSERT_EQ(0, run_cycle_twice(nothing, touch));
}

static void give_typed(bool arg)
{
	(void)arg;
	*(struct node *volatile *)typed[0] = held[0];
	*(struct node *volatile *)&held[0] = NULL;
}

/* The new object is black from the beginning. */
static void take_and_give_typed(bool arg)
{
	typed[0] = shim_gc_alloc_typed(&small_type, 1);
	take_edges(arg);
	give_typed(arg);
}

/* Found beside the program, looked at in the end. */
TEST_F(watch, typed_objects_keep_what_they_get)
{
	ASSERT_EQ(0, run_cycle(take_and_give_typed, false));
	EXPECT_EQ(typed[0][0], shim_gc_base(typed[0][0]));
	EXPECT_EQ(CHECK, typed[0][0]->check);
	prepare();
	ASSERT_EQ(0, run_cycle_twice(take_edges, give_typed));
	EXPECT_EQ(typed[0][0], shim_gc_base(typed[0][0]));
	EXPECT_EQ(CHECK, typed[0][0]->check);
}

/* A module that knows no arenas of pages, or says what is not so. */
TEST(an_old_module)
{
	is_old = true;
	ASSERT_EQ(0, init(SHIM_GC_DIRTY));
	EXPECT_NE(SHIM_GC_DIRTY_MODULE, stat_now().dirty);
	EXPECT_FALSE(is_in_arena(shim_gc_alloc(40)));
}

TEST(a_module_without_dirty_bits)
{
	answer = -EOPNOTSUPP;
	ASSERT_EQ(0, init(SHIM_GC_DIRTY));
	EXPECT_NE(SHIM_GC_DIRTY_MODULE, stat_now().dirty);
	EXPECT_EQ(0, arena);
	EXPECT_NE(NULL, shim_gc_alloc(40));
}

TEST(a_module_that_reports_nothing)
{
	reports = false;
	ASSERT_EQ(0, init(SHIM_GC_DIRTY));
	EXPECT_NE(SHIM_GC_DIRTY_MODULE, stat_now().dirty);
	EXPECT_EQ(0, arena);
}

TEST_HARNESS_MAIN
