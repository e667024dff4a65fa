// SPDX-License-Identifier: GPL-2.0-only
/*
 * gcspan: lists of spans, against arrays; the size of the map.
 */
#include <stdlib.h>

#include "../lib/patience.h"

#include "gc/gcmeta.h"
#include "gc/gcspan.h"

#define LISTS	3
#define SPANS	60
#define STEPS	100000

/* What is on a list, from its head on. */
struct model {
	struct gcspan *span[SPANS];
	unsigned int n;
};

static struct gcspan span[SPANS];
static struct gcspan_list list[LISTS];
static struct model model[LISTS];

static void model_add(struct model *m, struct gcspan *s)
{
	unsigned int i;

	for (i = m->n++; i; i--)
		m->span[i] = m->span[i - 1];
	m->span[0] = s;
}

static bool model_del(struct model *m, const struct gcspan *s)
{
	unsigned int i;

	for (i = 0; i < m->n && m->span[i] != s; i++)
		;
	if (i == m->n)
		return false;
	for (m->n--; i < m->n; i++)
		m->span[i] = m->span[i + 1];
	return true;
}

/* Forwards, backwards and by number. */
static bool as_model(const struct gcspan_list *l, const struct model *m)
{
	const struct gcspan *s = l->head;
	unsigned int i;

	for (i = 0; i < m->n; i++, s = s->next)
		if (s != m->span[i] ||
		    s->prev != (i ? m->span[i - 1] : NULL))
			return false;
	return !s && l->n == m->n &&
	       l->tail == (m->n ? m->span[m->n - 1] : NULL);
}

/* What a process with one collected object has for the collector's records. */
TEST(records_of_one_span_are_small)
{
	struct gcspan *s;

	ASSERT_TRUE(gcspan_init());
	s = gcspan_get(1, 64, 128, GC_SCAN, 1);
	ASSERT_NE(NULL, s);
	ASSERT_TRUE(gcspan_publish(s));
	EXPECT_EQ(s, gcspan_of(s->start));
	EXPECT_EQ(s, gcspan_of(s->start + GC_PAGE - 1));
	EXPECT_EQ(NULL, gcspan_of(s->start + GC_PAGE));
	EXPECT_GE((size_t)4 << 20, gcmeta_bytes());
	gcspan_put(s);
}

TEST(lists_are_as_arrays)
{
	unsigned int i, k, a, b;
	struct gcspan *s;

	srandom(1);
	for (i = 0; i < STEPS; i++) {
		a = random() % LISTS;
		b = (a + 1) % LISTS;
		s = &span[random() % SPANS];
		switch (random() % 8) {
		case 0:
			s = gcspan_list_pop(&list[a]);
			ASSERT_EQ(model[a].n ? model[a].span[0] : NULL, s);
			if (s)
				model_del(&model[a], s);
			break;
		case 1:
			gcspan_list_join(&list[a], &list[b]);
			for (k = 0; k < model[b].n; k++)
				model[a].span[model[a].n++] = model[b].span[k];
			model[b].n = 0;
			break;
		default:
			/* off the list that it is on, or onto one */
			for (k = 0; k < LISTS; k++)
				if (model_del(&model[k], s))
					break;
			if (k < LISTS) {
				gcspan_list_del(&list[k], s);
				ASSERT_EQ(NULL, s->next);
				ASSERT_EQ(NULL, s->prev);
			} else {
				gcspan_list_add(&list[a], s);
				model_add(&model[a], s);
			}
		}
		for (k = 0; k < LISTS; k++)
			ASSERT_TRUE(as_model(&list[k], &model[k]));
	}
}

/* All that this machine's kernel hands out has a place in the map. */
TEST(addresses)
{
	struct gcspan last = {
		.start = ((uintptr_t)1 << GC_ADDRESS_BITS) - GC_PAGE,
		.npages = 1,
	};
	int here;

	ASSERT_TRUE(gcspan_init());
	EXPECT_EQ(0, (uintptr_t)&here >> GC_ADDRESS_BITS);
	ASSERT_TRUE(gcspan_publish(&last));
	EXPECT_EQ(&last, gcspan_of(last.start));
	EXPECT_EQ(&last, gcspan_of(last.start + GC_PAGE - 1));
	EXPECT_EQ(NULL, gcspan_of(last.start + GC_PAGE));
	EXPECT_EQ(NULL, gcspan_of(last.start - 1));
	EXPECT_EQ(NULL, gcspan_of(~(uintptr_t)0));
}

TEST_HARNESS_MAIN
