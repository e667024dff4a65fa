// SPDX-License-Identifier: GPL-2.0-only
/*
 * rc: objects are freed with their last reference; cycles against reachability.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patience.h"
#include "dies.h"
#include "fail.h"
#include "shim_rc.h"

#define THREADS	4
#define NODES	300
#define EDGES	4
/* the least that the C library takes on arm64; elsewhere half of it */
#if defined(__aarch64__)
#define SMALL_STACK	(128 << 10)
#else
#define SMALL_STACK	(64 << 10)
#endif

struct node {
	struct node *edge[EDGES];
	int *gone;
};

static void node_trace(void *obj, void (*visit)(void *child, void *arg),
		       void *arg)
{
	struct node *n = obj;
	int i;

	for (i = 0; i < EDGES; i++)
		visit(n->edge[i], arg);
}

static void node_fini(void *obj)
{
	struct node *n = obj;

	if (n->gone)
		__atomic_fetch_add(n->gone, 1, __ATOMIC_RELAXED);
}

static const struct shim_rc_type plain = {
	"plain", sizeof(struct node), 0, node_trace, node_fini
};

static const struct shim_rc_type atomic = {
	"atomic", sizeof(struct node), SHIM_RC_ATOMIC, node_trace, node_fini
};

static const struct shim_rc_type cyclic = {
	"cyclic", sizeof(struct node), SHIM_RC_CYCLIC, node_trace, node_fini
};

static const struct shim_rc_type *const types[] = {
	&plain, &atomic, &cyclic
};

static struct node *node_new(const struct shim_rc_type *type, int *gone)
{
	struct node *n = shim_rc_new(type);

	if (n)
		n->gone = gone;
	return n;
}

TEST(an_object_goes_with_its_last_owner)
{
	int t, gone;

	for (t = 0; t < 3; t++) {
		struct node *a = node_new(types[t], &gone);
		struct node *b = node_new(types[t], &gone);

		gone = 0;
		ASSERT_NE(NULL, a);
		ASSERT_NE(NULL, b);
		EXPECT_EQ(0, (uintptr_t)a % 16);
		EXPECT_EQ(NULL, a->edge[0]);
		EXPECT_EQ(1, shim_rc_count(a));
		shim_rc_set(&a->edge[0], b);
		EXPECT_EQ(2, shim_rc_count(b));
		shim_rc_set(&a->edge[0], b);
		EXPECT_EQ(2, shim_rc_count(b));
		shim_rc_put(b);
		EXPECT_EQ(0, gone);
		EXPECT_EQ(a, shim_rc_get(a));
		shim_rc_put(a);
		EXPECT_EQ(0, gone);
		shim_rc_put(a);
		EXPECT_EQ(2, gone);
		EXPECT_EQ(NULL, shim_rc_get(NULL));
		shim_rc_put(NULL);
		shim_rc_collect();
	}
	EXPECT_GE(1, fail_live());	/* this thread's buffer stays */
}

TEST(a_long_list_needs_no_deep_stack)
{
	struct rlimit small = { 256 << 10, 256 << 10 };
	int t, i, gone;

	ASSERT_EQ(0, setrlimit(RLIMIT_STACK, &small));
	for (t = 0; t < 3; t++) {
		struct node *head = NULL, *n;

		gone = 0;
		for (i = 0; i < 300000; i++) {
			n = node_new(types[t], &gone);
			ASSERT_NE(NULL, n);
			n->edge[0] = head;
			head = n;
		}
		shim_rc_put(head);
		EXPECT_EQ(300000, gone);
	}
}

TEST(weak_references_do_not_keep)
{
	struct shim_weak *w, *v;
	int t, gone;

	for (t = 0; t < 3; t++) {
		struct node *a = node_new(types[t], &gone);

		gone = 0;
		w = shim_weak_new(a);
		v = shim_weak_new(a);
		ASSERT_NE(NULL, w);
		ASSERT_NE(NULL, v);
		EXPECT_EQ(a, shim_weak_get(w));
		shim_rc_put(a);
		EXPECT_EQ(0, gone);
		shim_weak_free(v);
		shim_rc_put(a);
		EXPECT_EQ(1, gone);
		EXPECT_EQ(NULL, shim_weak_get(w));
		shim_weak_free(w);
	}
	shim_rc_collect();
	EXPECT_GE(1, fail_live());
}

/* Threads take a node from one place and put it into another. */
static struct node *place;
static struct shim_weak *weak;
static int made, ended;

static void *churn(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < 30000; i++) {
		struct node *n = shim_weak_get(weak), *old;

		if (n) {
			shim_rc_get(n);
			shim_rc_put(n);
			shim_rc_put(n);
		}
		n = node_new(&atomic, &ended);
		if (!n)
			continue;
		__atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
		old = __atomic_exchange_n(&place, n, __ATOMIC_ACQ_REL);
		shim_rc_put(old);
	}
	return NULL;
}

TEST(threads_share_atomic_objects)
{
	struct node *first = node_new(&atomic, &ended);
	pthread_t t[THREADS];
	int i;

	made = 1;
	weak = shim_weak_new(first);
	place = first;
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, churn, NULL));
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	shim_rc_put(place);
	EXPECT_EQ(made, ended);
	EXPECT_EQ(NULL, shim_weak_get(weak));
	shim_weak_free(weak);
}

static bool looking;

static void *look_on(void *arg)
{
	(void)arg;
	while (__atomic_load_n(&looking, __ATOMIC_RELAXED))
		shim_rc_put(shim_weak_get(weak));
	return NULL;
}

/*
 * A thread that was in the middle of an operation does not exist in the child.
 */
TEST(a_child_of_a_fork_gets_weak_references)
{
	int gone = 0, i, status;
	struct node *n = node_new(&atomic, &gone);
	pthread_t t[THREADS];

	weak = shim_weak_new(n);
	looking = true;
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, look_on, NULL));
	for (i = 0; i < 200; i++) {
		pid_t pid = fork();

		if (!pid) {
			/* dies by SIGALRM if it never gets the lock */
			alarm(TEST_TIMEOUT_DEFAULT);
			_exit(shim_weak_get(weak) != n);
		}
		ASSERT_LT(0, pid);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(0, status);
	}
	__atomic_store_n(&looking, false, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	shim_rc_put(n);
	EXPECT_EQ(1, gone);
	shim_weak_free(weak);
}

TEST(circles_go_when_collected)
{
	int gone = 0, i;
	struct node *n, *first = node_new(&cyclic, &gone), *last = first;
	struct shim_weak *w;

	for (i = 1; i < 1000; i++) {
		n = node_new(&cyclic, &gone);
		last->edge[1] = n;	/* moved, so no get */
		last = n;
	}
	shim_rc_set(&last->edge[0], first);
	w = shim_weak_new(last);
	shim_rc_put(first);
	EXPECT_EQ(0, gone);
	EXPECT_EQ(1000, shim_rc_collect());
	EXPECT_EQ(1000, gone);
	EXPECT_EQ(NULL, shim_weak_get(w));
	shim_weak_free(w);
	n = node_new(&cyclic, &gone);
	shim_rc_set(&n->edge[0], n);
	shim_rc_put(n);
	EXPECT_EQ(1, shim_rc_collect());
	EXPECT_EQ(0, shim_rc_collect());
	EXPECT_GE(1, fail_live());
}

static void neighbour_fini(void *obj)
{
	struct node *n = obj;

	shim_rc_put(shim_rc_get(n->edge[0]));
	node_fini(obj);
}

/*
 * Garbage that takes and drops references to other garbage in its destructor
 * ends nothing a second time.
 */
TEST(a_fini_looks_at_its_neighbours)
{
	static const struct shim_rc_type type = {
		"neighbour", sizeof(struct node), SHIM_RC_CYCLIC, node_trace,
		neighbour_fini
	};
	int gone = 0;
	struct node *a = node_new(&type, &gone), *b = node_new(&type, &gone);

	shim_rc_set(&a->edge[0], b);
	shim_rc_set(&b->edge[0], a);
	shim_rc_put(a);
	shim_rc_put(b);
	EXPECT_EQ(2, shim_rc_collect());
	EXPECT_EQ(2, gone);
	EXPECT_EQ(0, shim_rc_collect());
	EXPECT_GE(1, fail_live());
}

/*
 * Makes a list whose first nodes are candidates for a collection, and drops it.
 */
static void *list_of_candidates(void *gone)
{
	struct node *n, *first = NULL;
	int i;

	for (i = 0; i < 40000; i++) {
		n = node_new(&cyclic, gone);
		n->edge[0] = first;	/* moved, so no get */
		first = n;
	}
	for (i = 0, n = first; i < 4000; i++, n = n->edge[0])
		shim_rc_put(shim_rc_get(n));
	shim_rc_put(first);
	return NULL;
}

TEST(a_list_of_candidates_needs_no_deep_stack)
{
	pthread_attr_t attr;
	pthread_t thread;
	int gone = 0;

	ASSERT_EQ(0, pthread_attr_init(&attr));
	ASSERT_EQ(0, pthread_attr_setstacksize(&attr, SMALL_STACK));
	ASSERT_EQ(0, pthread_create(&thread, &attr, list_of_candidates, &gone));
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	EXPECT_EQ(40000, gone);
}

static struct node *node[NODES];	/* the model: which there are */
static int to[NODES][EDGES];
static bool outer[NODES], reached[NODES];
static int node_gone[NODES];

static void reach(int i)
{
	int k;

	if (reached[i])
		return;
	reached[i] = true;
	for (k = 0; k < EDGES; k++)
		if (to[i][k] >= 0)
			reach(to[i][k]);
}

/* All that the model reaches exists, and with @exactly nothing else does. */
static bool as_model(bool exactly)
{
	int i;

	memset(reached, 0, sizeof(reached));
	for (i = 0; i < NODES; i++)
		if (outer[i])
			reach(i);
	for (i = 0; i < NODES; i++) {
		if (reached[i] && node_gone[i])
			return false;
		if (exactly && !reached[i] && !node_gone[i])
			return false;
	}
	return true;
}

/* The model's node is gone, and so are its references. */
static void forget(void)
{
	int i;

	for (i = 0; i < NODES; i++)
		if (node_gone[i])
			memset(to[i], -1, sizeof(to[i]));
}

TEST(what_can_be_reached_stays_and_nothing_else)
{
	unsigned int seed;
	int step, i, j, k;

	for (seed = 1; seed < 30; seed++) {
		unsigned int s = seed;

		memset(to, -1, sizeof(to));
		for (i = 0; i < NODES; i++) {
			node_gone[i] = 0;
			outer[i] = true;
			node[i] = node_new(&cyclic, &node_gone[i]);
			ASSERT_NE(NULL, node[i]);
		}
		for (step = 0; step < 4000; step++) {
			as_model(false);
			i = (int)((unsigned int)rand_r(&s) % NODES);
			j = (int)((unsigned int)rand_r(&s) % NODES);
			k = (int)((unsigned int)rand_r(&s) % EDGES);
			if (!reached[i])
				continue;
			if (rand_r(&s) % 8) {
				bool none = !reached[j] || !(rand_r(&s) % 4);

				to[i][k] = none ? -1 : j;
				shim_rc_set(&node[i]->edge[k],
					    none ? NULL : node[j]);
			} else if (outer[i]) {
				outer[i] = false;
				shim_rc_put(node[i]);
			}
			ASSERT_TRUE(as_model(false));
			forget();
			if (step % 300 == 0) {
				ASSERT_LE(0, shim_rc_collect());
				ASSERT_TRUE(as_model(true)) {
					TH_LOG("seed %u, step %d", seed, step);
				}
			}
		}
		for (i = 0; i < NODES; i++)
			if (outer[i]) {
				outer[i] = false;
				shim_rc_put(node[i]);
			}
		shim_rc_collect();
		ASSERT_TRUE(as_model(true));
	}
	EXPECT_GE(1, fail_live());
}

TEST(circles_are_collected_without_being_asked)
{
	int gone = 0, i;

	for (i = 0; i < 100000; i++) {
		struct node *a = node_new(&cyclic, &gone);
		struct node *b = node_new(&cyclic, &gone);

		ASSERT_NE(NULL, b);
		a->edge[0] = b;
		shim_rc_set(&b->edge[0], a);
		shim_rc_put(a);
	}
	EXPECT_GE(gone, 200000 - 2 * 4096);
	EXPECT_LE(0, shim_rc_collect());
	EXPECT_EQ(200000, gone);
}

/* What a collection takes for its lists is for who lives, not for who has died. */
/* A circle that is garbage puts what it holds of objects outside, once each. */
TEST(a_circle_puts_what_it_holds)
{
	int gone = 0, others[2] = { 0 };
	struct node *a, *b, *p[2];
	int i;

	a = node_new(&cyclic, &gone);
	b = node_new(&cyclic, &gone);
	p[0] = node_new(&plain, &others[0]);
	p[1] = node_new(&atomic, &others[1]);
	ASSERT_TRUE(a && b && p[0] && p[1]);
	shim_rc_set(&a->edge[0], b);
	shim_rc_set(&b->edge[0], a);
	for (i = 0; i < 2; i++) {
		shim_rc_set(&a->edge[1 + i], p[i]);
		shim_rc_set(&b->edge[1 + i], p[i]);
	}
	shim_rc_put(p[0]);
	shim_rc_put(a);
	shim_rc_put(b);
	EXPECT_EQ(2, shim_rc_collect());
	EXPECT_EQ(2, gone);
	EXPECT_EQ(1, others[0]);
	/* this one is held here, too */
	EXPECT_EQ(0, others[1]);
	EXPECT_EQ(1, shim_rc_count(p[1]));
	shim_rc_put(p[1]);
	EXPECT_EQ(1, others[1]);
}

/*
 * When there are too many candidates, the put that finds it collects: not what it
 * was called for, which its caller may read until it returns.
 */
TEST(what_is_being_put_is_not_collected)
{
	static int gone[20000];
	struct node *x, *y, *other = NULL;
	int i, early = 0, left = 0;

	for (i = 0; i < 20000; i++) {
		x = node_new(&cyclic, &gone[i]);
		y = node_new(&cyclic, &gone[i]);
		ASSERT_TRUE(x && y);
		shim_rc_set(&x->edge[0], y);
		shim_rc_set(&y->edge[0], x);
		shim_rc_put(y);
		shim_rc_put(x);
		early += gone[i];
		/* a third candidate at times, so that it is not always the same put */
		if (i % 3)
			continue;
		shim_rc_put(other);
		other = node_new(&cyclic, NULL);
		ASSERT_NE(NULL, other);
		shim_rc_put(shim_rc_get(other));
	}
	shim_rc_put(other);
	EXPECT_EQ(0, early);
	shim_rc_collect();
	for (i = 0; i < 20000; i++)
		left += gone[i] != 2;
	EXPECT_EQ(0, left);
}

TEST(the_dead_are_not_counted)
{
	struct node *n;
	int i;

	for (i = 0; i < 100000; i++) {
		n = node_new(&cyclic, NULL);
		ASSERT_NE(NULL, n);
		shim_rc_put(n);
	}
	n = node_new(&cyclic, NULL);
	shim_rc_set(&n->edge[0], n);
	shim_rc_put(n);
	fail_largest = 0;
	EXPECT_EQ(1, shim_rc_collect());
	EXPECT_LT(0, fail_largest);
	EXPECT_GE(1024, fail_largest);
}

static void *leave_circles(void *arg)
{
	int i;

	for (i = 0; i < 50; i++) {
		struct node *a = node_new(&cyclic, arg);

		shim_rc_set(&a->edge[0], a);
		shim_rc_put(a);
	}
	return NULL;
}

TEST(a_thread_that_ends_collects)
{
	pthread_t t;
	int gone = 0;

	ASSERT_EQ(0, pthread_create(&t, NULL, leave_circles, &gone));
	pthread_join(t, NULL);
	EXPECT_EQ(50, gone);
}

TEST(when_memory_runs_out_nothing_changes)
{
	int gone = 0;
	struct node *a;
	struct shim_weak *w;

	fail_after = 0;
	EXPECT_EQ(NULL, shim_rc_new(&plain));
	EXPECT_EQ(ENOMEM, errno);
	fail_after = 0;
	EXPECT_EQ(NULL, shim_rc_new(&cyclic));
	EXPECT_EQ(ENOMEM, errno);
	fail_after = -1;
	a = node_new(&cyclic, &gone);
	fail_after = 0;
	EXPECT_EQ(NULL, shim_weak_new(a));
	fail_after = -1;
	w = shim_weak_new(a);
	shim_rc_set(&a->edge[0], a);
	shim_rc_put(a);
	fail_after = 0;
	EXPECT_EQ(-1, shim_rc_collect());
	EXPECT_EQ(ENOMEM, errno);
	fail_after = -1;
	EXPECT_EQ(0, gone);
	EXPECT_EQ(1, shim_rc_collect());
	EXPECT_EQ(1, gone);
	shim_weak_free(w);
}

static void too_many(void)
{
	void *p = shim_rc_new(&plain);

	shim_rc_head(p)->count = INT32_MAX;
	shim_rc_get(p);
}

TEST(mistakes_are_reported)
{
	const struct shim_rc_type both = { "both", 8, SHIM_RC_ATOMIC |
					   SHIM_RC_CYCLIC, node_trace, NULL };
	const struct shim_rc_type blind = { "blind", 8, SHIM_RC_CYCLIC, NULL,
					    NULL };
	const struct shim_rc_type large = { "large", SIZE_MAX - 4, 0, NULL,
					    NULL };

	EXPECT_TRUE(dies(too_many));
	EXPECT_EQ(NULL, shim_rc_new(&both));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, shim_rc_new(&blind));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, shim_rc_new(&large));
	EXPECT_EQ(ENOMEM, errno);
}

TEST_HARNESS_MAIN
