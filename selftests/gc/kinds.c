// SPDX-License-Identifier: GPL-2.0-only
/*
 * libgc's calls for objects whose pointers the program describes or finds itself,
 * and for roots that it pushes itself.
 */
#include <gc/gc.h>
#include <gc/gc_inline.h>
#include <gc/gc_mark.h>

#include "gctest.h"

#include <limits.h>

#define WORDS	8

/* What an object of a kind points to: which of these are left? */
static int gone[WORDS];

static void on_gone(void *obj, void *data)
{
	(void)obj;
	gone[(intptr_t)data]++;
}

static void *with_finalizer(int i)
{
	void *p = GC_malloc(40);

	GC_register_finalizer(p, on_gone, (void *)(intptr_t)i, NULL, NULL);
	return p;
}

static void **keep[SOME];

/* SOME objects of a kind, with a pointer in every word but the first @skip. */
static __attribute__((noinline)) void make(unsigned int kind, int skip)
{
	int i, k;

	GC_set_finalize_on_demand(1);
	for (i = 0; i < SOME; i++) {
		keep[i] = GC_generic_malloc(WORDS * sizeof(void *), kind);
		for (k = skip; k < WORDS; k++)
			keep[i][k] = with_finalizer(k);
	}
}

static int find_gone(void)
{
	memset(gone, 0, sizeof(gone));
	if (collect())
		return -1;
	GC_invoke_finalizers();
	return 0;
}

/*
 * A bit for each word whose objects are kept; -1 if many are and many are not.
 * Nothing is left for the next time.
 */
static int kept(void)
{
	int i, bits = 0;

	if (find_gone())
		return -1;
	for (i = 0; i < WORDS; i++) {
		if (gone[i] > STRAY && gone[i] < SOME - STRAY)
			return -1;
		bits |= (gone[i] <= STRAY) << i;
	}
	memset(keep, 0, sizeof(keep));
	return find_gone() ? -1 : bits;
}

static unsigned int kind_of(GC_word descr, bool add_size)
{
	return GC_new_kind(GC_new_free_list(), descr, add_size, 1);
}

TEST(by_length)
{
	unsigned int whole, none, some;

	GC_init();
	whole = kind_of(GC_DS_LENGTH, true);
	none = kind_of(GC_DS_LENGTH, false);
	some = kind_of(GC_DS_LENGTH | 3 * sizeof(void *), false);
	EXPECT_NE(whole, none);
	make(whole, 0);
	EXPECT_EQ(0xff, kept());
	make(some, 0);
	EXPECT_EQ(0x07, kept());
	make(none, 0);
	EXPECT_EQ(0x00, kept());
}

/* libgc's own, by their numbers. */
TEST(the_first_kinds)
{
	GC_init();
	make(GC_I_NORMAL, 0);
	EXPECT_EQ(0xff, kept());
	make(GC_I_PTRFREE, 0);
	EXPECT_EQ(0x00, kept());
}

TEST(by_bits)
{
	/* the first word is the highest bit */
	GC_word descr = (GC_word)5 << 61 | GC_DS_BITMAP;

	GC_init();
	make(kind_of(descr, false), 0);
	EXPECT_EQ(0x05, kept());
}

/* Each object says it itself, in its first word. */
TEST(by_what_the_object_has)
{
	unsigned int kind, i;

	GC_init();
	kind = kind_of(GC_DS_PER_OBJECT, false);
	make(kind, 1);
	/* not filled in yet */
	EXPECT_EQ(0x01, kept());
	make(kind, 1);
	for (i = 0; i < SOME; i++)
		*(GC_word *)keep[i] = (GC_word)3 << 60 | GC_DS_BITMAP;
	EXPECT_EQ(0x0d, kept());
}

/* The first word points to a type, which has the descriptor in its second word. */
TEST(by_what_it_points_to)
{
	static const GC_word type[2] = {
		0, (GC_word)1 << 62 | GC_DS_BITMAP,
	};
	GC_word at = sizeof(GC_word) + GC_INDIR_PER_OBJ_BIAS;
	unsigned int kind, i;

	GC_init();
	/* multiples of 4 only, and 0 means no pointers */
	kind = kind_of((-at & ~(GC_word)GC_DS_TAGS) | GC_DS_PER_OBJECT, false);
	make(kind, 1);
	for (i = 0; i < SOME; i++)
		keep[i][0] = (void *)type;
	EXPECT_EQ(0x03, kept());
}

/* A procedure, which takes what is stored the wrong way round. */
#define ENV	77

static unsigned int calls, elsewhere;
static pid_t collecting;

static struct GC_ms_entry *mark_hidden(GC_word *addr, struct GC_ms_entry *top,
				       struct GC_ms_entry *limit, GC_word env)
{
	int k;

	calls++;
	elsewhere += gettid() != collecting || env != ENV || top >= limit;
	for (k = 0; k < WORDS / 2; k++)
		if (addr[k])
			top = GC_MARK_AND_PUSH((void *)~addr[k], top, limit,
					       (void **)&addr[k]);
	return top;
}

static unsigned int hidden_kind(void)
{
	unsigned int proc = GC_new_proc(mark_hidden);

	return kind_of(GC_MAKE_PROC(proc, (GC_word)ENV), false);
}

static __attribute__((noinline)) void hide(void)
{
	int i, k;

	for (i = 0; i < SOME; i++)
		for (k = 0; k < WORDS; k++)
			keep[i][k] = (void *)~(uintptr_t)keep[i][k];
}

TEST(by_a_procedure)
{
	GC_init();
	collecting = gettid();
	make(hidden_kind(), 0);
	hide();
	EXPECT_EQ(0x0f, kept());
	EXPECT_LE(SOME, calls);
	EXPECT_EQ(0, elsewhere);
	EXPECT_EQ(0, shim_gc_verify());
}

/* In whatever mode: who marks with it is the thread that collects, alone. */
TEST(nobody_else_calls_it)
{
	struct shim_gc_stat st;
	unsigned int i, kind;

	setenv("SHIM_GC_MODE", "hybrid", 1);
	setenv("SHIM_GC_WORKERS", "4", 1);
	GC_init();
	/* there are helpers now, and a thread that collects */
	ASSERT_EQ(0, collect());
	ASSERT_EQ(0, shim_gc_begin());
	collecting = gettid();
	kind = hidden_kind();
	GC_set_markers_count(4);
	make(kind, 0);
	hide();
	for (i = 0; i < 20000; i++)
		if (!GC_generic_malloc(4000, kind))
			abort();
	shim_gc_get_stat(&st, sizeof(st));
	EXPECT_EQ(SHIM_GC_STOP, st.mode);
	EXPECT_EQ(1, st.workers);
	EXPECT_LE(5, st.collections);
	EXPECT_LE(SOME, calls);
	EXPECT_EQ(0, elsewhere);
	EXPECT_EQ(0x0f, kept());
}

/* So many, each of which only the procedure of the one before finds. */
#define LONG	200000u

static __attribute__((noinline)) GC_word *make_long(unsigned int kind)
{
	GC_word *volatile last = NULL;
	GC_word *p;
	unsigned int i;

	for (i = 0; i < LONG; i++) {
		p = GC_generic_malloc(WORDS * sizeof(*p), kind);
		p[0] = last ? ~(GC_word)last : 0;
		p[7] = i;
		last = p;
	}
	return last;
}

TEST(a_long_list_by_a_procedure)
{
	static GC_word *list;
	GC_word *p;
	unsigned int n = 0;

	GC_init();
	collecting = gettid();
	list = make_long(hidden_kind());
	ASSERT_EQ(0, collect());
	for (p = list; p; p = p[0] ? (GC_word *)~p[0] : NULL)
		n += GC_base(p) == p && p[7] == LONG - 1 - n;
	EXPECT_EQ(LONG, n);
	EXPECT_EQ(0, elsewhere);
}

TEST(bounds_are_around_all)
{
	unsigned int i;
	GC_word p;

	GC_init();
	for (i = 0; i < 2000; i++) {
		p = (GC_word)GC_malloc(i % 10 ? 100 * i : 2000000);
		ASSERT_NE(0, p);
		ASSERT_LE((GC_word)GC_least_plausible_heap_addr, p);
		ASSERT_GE((GC_word)GC_greatest_plausible_heap_addr, p);
	}
	/* and not around everything */
	EXPECT_LT((GC_word)GC_greatest_plausible_heap_addr, (GC_word)1 << 56);
	EXPECT_NE(NULL, GC_least_plausible_heap_addr);
}

/* Objects of a kind stay of that kind, and can be freed. */
TEST(of_another_size)
{
	unsigned int i, kind;

	GC_init();
	kind = kind_of((GC_word)5 << 61 | GC_DS_BITMAP, false);
	make(kind, 0);
	EXPECT_LE(WORDS * sizeof(void *), GC_size(keep[0]));
	for (i = 0; i < SOME; i++)
		keep[i] = GC_realloc(keep[i], 5000);
	EXPECT_LE(5000, GC_size(keep[0]));
	EXPECT_EQ(0x05, kept());
	for (i = 0; i < SOME; i++)
		GC_free(keep[i]);
	EXPECT_EQ(NULL, GC_base(keep[0]));
	EXPECT_EQ(0, shim_gc_verify());
}

/* The shortest of so many lists; 0 if one is broken. */
static unsigned int shortest_list(unsigned int kind)
{
	unsigned int i, n, least = UINT_MAX;
	void *p;

	for (i = 0; i < 10 * SOME; i++) {
		GC_generic_malloc_many(4000, kind, &p);
		for (n = 0; p; p = GC_NEXT(p), n++)
			if (GC_base(p) != p)
				return 0;
		least = n < least ? n : least;
	}
	return least;
}

/* Nothing of a list that is being made may go, whatever its first words mean. */
TEST(many_at_once)
{
	static void *list[SOME];
	unsigned int i;
	void *p;

	GC_init();
	EXPECT_LE(2, shortest_list(kind_of(GC_DS_LENGTH, false)));
	EXPECT_LE(5, GC_get_gc_no());
	EXPECT_LE(2, shortest_list(GC_I_PTRFREE));
	EXPECT_LE(10, GC_get_gc_no());
	/* pointers keep those of the ordinary kind */
	for (i = 0; i < SOME; i++)
		GC_generic_malloc_many(3, GC_I_NORMAL, &list[i]);
	ASSERT_EQ(0, collect());
	for (i = 0; i < SOME; i++)
		for (p = list[i]; p; p = GC_NEXT(p))
			ASSERT_EQ(p, GC_base(p));
}

/* Roots that only the program knows: pointers in memory of malloc()'s. */
static void **other;
static int pushed, before;
static bool whole;

static void push_before(void)
{
	before++;
}

static void push(void)
{
	int i;

	pushed++;
	/* the last quarter is not of it */
	if (whole)
		GC_push_conditional(other, other + 3 * SOME, 1);
	else
		GC_push_all(other, other + 3 * SOME);
	/* objects, but not what they point to */
	for (i = 0; i < SOME; i++)
		GC_set_mark_bit((void *)~(uintptr_t)keep[i]);
	push_before();
}

static __attribute__((noinline)) void make_others(void)
{
	int i;

	GC_set_finalize_on_demand(1);
	/* not on libshim, whose heap is not a root either */
	other = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (i = 0; i < 4 * SOME; i++)
		other[i] = with_finalizer(i / SOME);
	for (i = 0; i < SOME; i++) {
		void **p = GC_malloc(40);

		GC_register_finalizer(p, on_gone, (void *)4, NULL, NULL);
		*p = with_finalizer(5);
		keep[i] = (void **)~(uintptr_t)p;
	}
}

FIXTURE(others) {
};

FIXTURE_VARIANT(others) {
	const char *mode;
	bool conditional;
};

FIXTURE_VARIANT_ADD(others, stop) { "stop", false };
FIXTURE_VARIANT_ADD(others, stop_conditional) { "stop", true };
FIXTURE_VARIANT_ADD(others, hybrid) { "hybrid", false };
FIXTURE_VARIANT_ADD(others, insertion) { "insertion", false };
FIXTURE_VARIANT_ADD(others, dirty) { "dirty", false };

FIXTURE_SETUP(others)
{
	setenv("SHIM_GC_MODE", variant->mode, 1);
	GC_init();
}

FIXTURE_TEARDOWN(others)
{
}

TEST_F(others, are_pushed)
{
	uint64_t nr;
	int i;

	EXPECT_EQ(NULL, GC_get_push_other_roots());
	GC_push_other_roots = push_before;
	EXPECT_TRUE(push_before == GC_get_push_other_roots());
	GC_set_push_other_roots(push);
	EXPECT_TRUE(push == GC_push_other_roots);
	whole = variant->conditional;
	make_others();
	/* beside the program, if it is such a mode */
	nr = GC_get_gc_no();
	clear_stack();
	ASSERT_EQ(0, shim_gc_begin());
	for (i = 0; i < PATIENCE && nr == GC_get_gc_no(); i++)
		usleep(1000);
	GC_invoke_finalizers();
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, gone[i]);
	EXPECT_LE(SOME - STRAY, gone[3]);
	EXPECT_EQ(0, gone[4]);
	EXPECT_LE(SOME - STRAY, gone[5]);
	EXPECT_EQ(pushed, before);
	EXPECT_LE(1, pushed);
	/* and when nobody pushes them any more, they go */
	GC_push_other_roots = NULL;
	ASSERT_EQ(0, find_gone());
	for (i = 0; i < 3; i++)
		EXPECT_LE(SOME - STRAY, gone[i]);
	EXPECT_LE(SOME - STRAY, gone[4]);
}

/* Pointers in the heap that carry a tag, as those of guile and ecl do. */
static __attribute__((noinline)) void make_tagged(size_t step)
{
	int i, k;

	GC_set_finalize_on_demand(1);
	for (i = 0; i < SOME; i++) {
		keep[i] = GC_malloc(WORDS * sizeof(void *));
		for (k = 0; k < WORDS; k++)
			keep[i][k] = (char *)with_finalizer(k) + k * step;
	}
}

TEST(tagged_pointers)
{
	GC_init();
	make_tagged(1);
	EXPECT_EQ(0xff, kept());
	GC_set_all_interior_pointers(0);
	make_tagged(1);
	EXPECT_EQ(0x01, kept());
	GC_register_displacement(1);
	GC_register_displacement(6);
	make_tagged(1);
	EXPECT_EQ(0x43, kept());
	/* one like this has all of them count, whatever is set later */
	GC_register_displacement(64);
	make_tagged(4);
	EXPECT_EQ(0xff, kept());
	GC_set_all_interior_pointers(0);
	make_tagged(4);
	EXPECT_EQ(0xff, kept());
}

/* What cannot be is said, and ends the process. */
static int ends(void (*fn)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		fn();
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void too_many_procs(void)
{
	int i;

	for (i = 0; i < GC_MAX_MARK_PROCS; i++)
		GC_new_proc(mark_hidden);
}

static void too_many_kinds(void)
{
	int i;

	for (i = 0; i < 100; i++)
		kind_of(0, false);
}

static void no_such_kind(void)
{
	GC_generic_malloc(40, 1000);
}

static void no_such_proc(void)
{
	kind_of(GC_MAKE_PROC(60, (GC_word)0), false);
}

static void out_of_turn(void)
{
	GC_push_all(gone, gone + 1);
}

TEST(what_cannot_be)
{
	GC_init();
	EXPECT_EQ(1, ends(too_many_procs));
	EXPECT_EQ(1, ends(too_many_kinds));
	EXPECT_EQ(1, ends(no_such_kind));
	EXPECT_EQ(1, ends(no_such_proc));
	EXPECT_EQ(1, ends(out_of_turn));
}

TEST_HARNESS_MAIN
