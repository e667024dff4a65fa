// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finalizers and their order, weak references, ephemerons, leaks.
 */
#include "gctest.h"

struct item {
	struct item *next;
	struct item *self;
	int id;
};

static int called[1000], ncalled;
static struct shim_gc_weak *weak[SOME], *longs[SOME];
static struct item *_Atomic kept;

static void on_final(void *p, void *arg)
{
	struct item *it = p;

	(void)arg;
	if (ncalled < 1000)
		called[ncalled++] = it->id;
}

static void keep(void *p, void *arg)
{
	(void)arg;
	kept = p;
}

static void settle(void)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		collect();
		shim_gc_finalize();
	}
}

static __attribute__((noinline)) void make_chain(unsigned int n,
						 unsigned int order,
						 bool with_self)
{
	struct item *it = NULL, *behind = NULL;
	unsigned int i;

	for (i = 0; i < n; i++) {
		it = shim_gc_alloc(sizeof(*it));
		it->id = (int)i;
		it->next = behind;
		if (with_self)
			it->self = it;
		shim_gc_finalizer(it, on_final, NULL, order);
		behind = it;
	}
}

FIXTURE(special) {
};

FIXTURE_SETUP(special)
{
	shim_gc_set_finalizer_thread(false);
	ncalled = 0;
}

FIXTURE_TEARDOWN(special)
{
}

/*
 * From the head on, one in each collection: each waits for what refers to it.
 */
TEST_F(special, in_order)
{
	int i;

	make_chain(10, SHIM_GC_ORDERED, false);
	for (i = 0; i < 30; i++) {
		collect();
		shim_gc_finalize();
	}
	EXPECT_LE(10 - 1, ncalled);
	for (i = 1; i < ncalled; i++)
		EXPECT_EQ(called[i - 1] - 1, called[i]);
}

TEST_F(special, without_order_all_at_once)
{
	make_chain(100, SHIM_GC_UNORDERED, false);
	collect();
	EXPECT_LE(100 - STRAY, (int)shim_gc_finalize());
	/* only once, although they still exist for a moment */
	settle();
	EXPECT_GE(100, ncalled);
}

TEST_F(special, a_pointer_to_itself)
{
	make_chain(1, SHIM_GC_ORDERED, true);
	make_chain(1, SHIM_GC_ORDERED, true);
	make_chain(1, SHIM_GC_ORDERED, true);
	settle();
	EXPECT_EQ(0, ncalled);
	make_chain(1, SHIM_GC_IGNORE_SELF, true);
	make_chain(1, SHIM_GC_IGNORE_SELF, true);
	make_chain(1, SHIM_GC_IGNORE_SELF, true);
	settle();
	EXPECT_LE(2, ncalled);
}

TEST_F(special, a_thread_calls_them)
{
	unsigned int i;

	shim_gc_set_finalizer_thread(true);
	make_chain(100, SHIM_GC_UNORDERED, false);
	collect();
	for (i = 0; i < PATIENCE && __atomic_load_n(&ncalled, __ATOMIC_RELAXED) <
			100 - STRAY; i++)
		usleep(1000);
	EXPECT_LE(100 - STRAY, __atomic_load_n(&ncalled, __ATOMIC_RELAXED));
}

static __attribute__((noinline)) void make_weak(void)
{
	struct item *it;
	unsigned int i;

	for (i = 0; i < SOME; i++) {
		it = shim_gc_alloc(sizeof(*it));
		weak[i] = shim_gc_weak_new(it, SHIM_GC_SHORT);
		longs[i] = shim_gc_weak_new(&it->id, SHIM_GC_LONG);
		shim_gc_finalizer(it, keep, NULL, SHIM_GC_UNORDERED);
	}
}

TEST_F(special, short_and_long_weak_references)
{
	make_weak();
	EXPECT_EQ(SOME, count_left(weak, SOME));
	EXPECT_EQ(SOME, count_left(longs, SOME));
	collect();
	/* ready to be finalized: only the short weak references are cleared */
	EXPECT_GE(STRAY, count_left(weak, SOME));
	EXPECT_LE(SOME - STRAY, count_left(longs, SOME));
	shim_gc_finalize();
	collect();
	/* except for the one that its finalizer has kept */
	EXPECT_GE(STRAY, count_left(longs, SOME));
	EXPECT_NE(NULL, kept);
	EXPECT_EQ(kept, shim_gc_base(kept));
}

static struct shim_gc_ephemeron **eph;
static void **key_of;

static __attribute__((noinline)) void make_pairs(void)
{
	void **value;
	unsigned int i;

	eph = shim_gc_alloc(SOME * sizeof(*eph));
	key_of = shim_gc_alloc(SOME * sizeof(*key_of));
	for (i = 0; i < SOME; i++)
		key_of[i] = shim_gc_alloc(32);
	for (i = 0; i < SOME; i++) {
		value = shim_gc_alloc(sizeof(*value));
		/* each value keeps the next key; the last one keeps its own */
		*value = key_of[i + 1 < SOME ? i + 1 : i];
		eph[i] = shim_gc_ephemeron_new(key_of[i], value);
	}
	memset(key_of + 1, 0, (SOME - 1) * sizeof(*key_of));
}

TEST_F(special, ephemerons_in_a_chain)
{
	unsigned int i, left = 0;
	void *key;

	make_pairs();
	collect();
	/* the first key keeps all of them by way of the values */
	for (i = 0; i < SOME; i++) {
		EXPECT_NE(NULL, shim_gc_ephemeron_get(eph[i], &key));
		EXPECT_NE(NULL, key);
	}
	key = NULL;
	key_of[0] = NULL;
	collect();
	for (i = 0; i < SOME; i++)
		left += !!shim_gc_ephemeron_get(eph[i], NULL);
	/*
	 * one that a stray word finds keeps all behind it, which is very rare
	 */
	EXPECT_GT(SOME, left);
}

static struct shim_gc_weak *value_of[SOME];

static __attribute__((noinline)) void make_values(void)
{
	uint64_t *value;
	unsigned int i;

	eph = shim_gc_alloc(SOME * sizeof(*eph));
	key_of = shim_gc_alloc(SOME * sizeof(*key_of));
	for (i = 0; i < SOME; i++) {
		key_of[i] = shim_gc_alloc(32);
		value = shim_gc_alloc(32);
		eph[i] = shim_gc_ephemeron_new(key_of[i], value);
		value_of[i] = shim_gc_weak_new(value, SHIM_GC_SHORT);
	}
}

/*
 * A value that nothing else refers to lives as long as its key, and no longer.
 */
TEST_F(special, a_value_goes_with_its_key)
{
	make_values();
	collect();
	EXPECT_EQ(SOME, count_left(value_of, SOME));
	memset(key_of, 0, SOME * sizeof(*key_of));
	collect();
	EXPECT_GE(STRAY, count_left(value_of, SOME));
}

struct held {
	struct shim_gc_ephemeron *pair;
	void *key;
	uint64_t value;
};

static unsigned int right, wrong;

static void pair_is_whole(void *p, void *arg)
{
	struct held *h = p;
	uint64_t *value = shim_gc_ephemeron_get(h->pair, NULL);

	(void)arg;
	if (value && *value == h->value)
		right++;
	else
		wrong++;
}

static __attribute__((noinline)) void make_held(void)
{
	struct held *h;
	uint64_t *value;
	unsigned int i;

	for (i = 0; i < SOME; i++) {
		h = shim_gc_alloc(sizeof(*h));
		h->key = shim_gc_alloc(32);
		h->value = i + 1;
		value = shim_gc_alloc(sizeof(*value));
		*value = i + 1;
		h->pair = shim_gc_ephemeron_new(h->key, value);
		value_of[i] = shim_gc_weak_new(value, SHIM_GC_LONG);
		shim_gc_finalizer(h, pair_is_whole, NULL, SHIM_GC_UNORDERED);
	}
}

/* What a finalizer finds is intact: it gets key and cell from its object. */
TEST_F(special, a_finalizer_finds_the_values_of_its_pairs)
{
	make_held();
	collect();
	EXPECT_EQ(SOME, count_left(value_of, SOME));
	/* whatever took the place of a value that was lost */
	make_garbage(longs, SOME, sizeof(uint64_t));
	shim_gc_finalize();
	EXPECT_LE(SOME - STRAY, right);
	EXPECT_EQ(0, wrong);
	settle();
	EXPECT_GE(STRAY, count_left(value_of, SOME));
}

static size_t leaks, leaked;

static void on_leak(const void *p, size_t size)
{
	(void)p;
	leaks++;
	leaked += size;
}

static __attribute__((noinline)) void leak_some(void)
{
	void *p;
	unsigned int i;

	for (i = 0; i < SOME; i++) {
		p = shim_gc_alloc(64);
		if (i % 2)
			shim_gc_free(p);
	}
}

/* What is forgotten makes room for the next, in every table. */
TEST_F(special, tables_use_their_records_again)
{
	struct shim_gc_stat st;
	uint64_t before;
	void *p;
	int i;

	p = shim_gc_alloc(40);
	ASSERT_EQ(0, shim_gc_pin(p));
	ASSERT_EQ(0, shim_gc_unpin(p));
	shim_gc_finalizer(p, on_final, NULL, SHIM_GC_UNORDERED);
	shim_gc_get_stat(&st, sizeof(st));
	before = st.meta;
	for (i = 0; i < 100000; i++) {
		ASSERT_EQ(0, shim_gc_pin(p));
		ASSERT_EQ(0, shim_gc_unpin(p));
		shim_gc_finalizer(p, NULL, NULL, SHIM_GC_UNORDERED);
		shim_gc_finalizer(p, on_final, NULL, SHIM_GC_UNORDERED);
	}
	shim_gc_get_stat(&st, sizeof(st));
	/* a record has some 50 bytes: it would be 10 MB */
	EXPECT_GE(before + (1 << 20), st.meta);
	EXPECT_EQ(0, st.pins);
	EXPECT_EQ(1, st.finalizers);
}

TEST_F(special, leaks_are_reported)
{
	collect();
	shim_gc_find_leaks(on_leak);
	leak_some();
	collect();
	shim_gc_find_leaks(NULL);
	EXPECT_LE(SOME / 2 - STRAY, leaks);
	EXPECT_GE(SOME / 2, leaks);
	EXPECT_EQ(leaks * 64, leaked);
}

TEST_F(special, bad_arguments)
{
	int local;

	shim_gc_alloc(1);
	EXPECT_ERRNO_(EINVAL, shim_gc_finalizer(&local, on_final, NULL, 0));
	EXPECT_ERRNO_(EINVAL, shim_gc_finalizer(NULL, on_final, NULL, 0));
	EXPECT_ERRNO_(EINVAL, shim_gc_finalizer(shim_gc_alloc(32), on_final,
						NULL, 99));
	EXPECT_EQ(NULL, shim_gc_weak_new(&local, SHIM_GC_SHORT));
	EXPECT_EQ(NULL, shim_gc_weak_new(shim_gc_alloc(1), 7));
	EXPECT_EQ(NULL, shim_gc_ephemeron_new(&local, NULL));
}

TEST_HARNESS_MAIN
