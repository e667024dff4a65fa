// SPDX-License-Identifier: GPL-2.0-only
/*
 * rc: objects that refer to each other, some in circles, against a matrix of
 * who refers to whom: an object that is referred to exists, one that is not is
 * gone, at once or, in a circle, with the next collection.
 *
 * Plain objects refer to older plain ones only, and so never in circles.
 */
#include <string.h>

#include "input.h"
#include "shim_rc.h"

#define NODES	24
#define SLOTS	3

struct node {
	unsigned int nr;
	struct node *slot[SLOTS];
};

/* What is known of a node: @outer references of ours, @in from other nodes. */
static struct model {
	struct node *p;
	struct shim_weak *weak;
	unsigned int age, outer;
	bool cyclic, there;
} m[NODES];

static unsigned int age;

static void trace(void *obj, void (*visit)(void *child, void *arg), void *arg)
{
	struct node *n = obj;
	unsigned int k;

	for (k = 0; k < SLOTS; k++)
		if (n->slot[k])
			visit(n->slot[k], arg);
}

static void gone(void *obj)
{
	struct node *n = obj;

	FUZZ_CHECK(m[n->nr].there && m[n->nr].p == n && !m[n->nr].outer);
	m[n->nr].there = false;
}

static const struct shim_rc_type types[2] = {
	{ "plain", sizeof(struct node), 0, trace, gone },
	{ "cyclic", sizeof(struct node), SHIM_RC_CYCLIC, trace, gone },
};

/* Which nodes can be reached from those that we refer to. */
static void reach(bool *seen)
{
	unsigned int i, k;
	bool more = true;

	for (i = 0; i < NODES; i++)
		seen[i] = m[i].there && m[i].outer;
	while (more) {
		more = false;
		for (i = 0; i < NODES; i++)
			for (k = 0; seen[i] && k < SLOTS; k++) {
				struct node *to = m[i].p->slot[k];

				if (to && !seen[to->nr]) {
					seen[to->nr] = true;
					more = true;
				}
			}
	}
}

/* The counts are those of the matrix; nothing that can be reached is gone. */
static void check(bool collected)
{
	unsigned int count[NODES], i, k;
	bool seen[NODES];

	reach(seen);
	for (i = 0; i < NODES; i++)
		count[i] = m[i].outer;
	for (i = 0; i < NODES; i++) {
		FUZZ_CHECK(!seen[i] || m[i].there);
		FUZZ_CHECK(!collected || seen[i] == m[i].there);
		for (k = 0; m[i].there && k < SLOTS; k++)
			if (m[i].p->slot[k])
				count[m[i].p->slot[k]->nr]++;
	}
	for (i = 0; i < NODES; i++) {
		if (!m[i].there)
			continue;
		FUZZ_CHECK(count[i] && shim_rc_count(m[i].p) == count[i]);
		FUZZ_CHECK(m[i].p->nr == i);
	}
}

static void make(unsigned int i, bool cyclic)
{
	struct node *n;

	if (m[i].there)
		return;
	shim_weak_free(m[i].weak);
	n = shim_rc_new(&types[cyclic]);
	FUZZ_CHECK(n && !n->slot[0] && !n->slot[SLOTS - 1]);
	n->nr = i;
	m[i] = (struct model){ .p = n, .age = ++age, .outer = 1,
			       .cyclic = cyclic, .there = true };
}

static void put(unsigned int i)
{
	if (!m[i].outer)
		return;
	m[i].outer--;
	shim_rc_put(m[i].p);
}

static void refer(unsigned int from, unsigned int to, unsigned int k)
{
	/* both nodes must exist */
	if (!m[from].outer || !m[to].outer ||
	    (!m[from].cyclic && (m[to].cyclic || m[to].age >= m[from].age)))
		return;
	shim_rc_set(&m[from].p->slot[k], m[to].p);
}

static void step(struct input *in)
{
	unsigned int op = input_byte(in), i = input_byte(in) % NODES;
	unsigned int to = input_byte(in) % NODES;
	void *p;

	if (op < 60) {
		make(i, op % 4);
	} else if (op < 120) {
		refer(i, to, op % SLOTS);
	} else if (op < 140) {
		if (m[i].outer)
			shim_rc_set(&m[i].p->slot[op % SLOTS], NULL);
	} else if (op < 160) {
		if (m[i].outer) {
			shim_rc_get(m[i].p);
			m[i].outer++;
		}
	} else if (op < 220) {
		put(i);
	} else if (op < 230) {
		if (m[i].outer && !m[i].weak) {
			m[i].weak = shim_weak_new(m[i].p);
			FUZZ_CHECK(m[i].weak);
		}
	} else if (op < 245) {
		if (!m[i].weak)
			return;
		p = shim_weak_get(m[i].weak);
		FUZZ_CHECK(p == (m[i].there ? m[i].p : NULL));
		m[i].outer += !!p;
	} else {
		while (shim_rc_collect())
			;
		check(true);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned int i;

	memset(m, 0, sizeof(m));
	while (in.left) {
		step(&in);
		check(false);
	}
	for (i = 0; i < NODES; i++)
		while (m[i].outer)
			put(i);
	while (shim_rc_collect())
		;
	for (i = 0; i < NODES; i++) {
		FUZZ_CHECK(!m[i].there);
		FUZZ_CHECK(!m[i].weak || !shim_weak_get(m[i].weak));
		shim_weak_free(m[i].weak);
	}
	return 0;
}
