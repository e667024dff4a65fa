// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * central_list: the lists of each class, by how full their spans are.
 *
 * Keeps true: a span is on the list for its fullness, unless it is full or an
 * alias: then it is on none.  The class's lock protects them.  Called by central,
 * central_alias and central_mesh.
 */
#include "base/sys.h"
#include "central_int.h"
#include "span.h"

struct central central[SIZECLASS_COUNT + 1] SHIM_BSS_NEXT = {
	[0 ... SIZECLASS_COUNT] = {
		.lock = SHIM_LOCK_INIT(SHIM_RANK_CENTRAL)
	}
};

struct span *central_far[SIZECLASS_COUNT + 1][LIST_NONE - NR_LISTS]
	SHIM_BSS_LARGE;

static void list_add(struct central *c, struct span *s, unsigned int list)
{
	struct span **head = central_head(c, list);

	shim_lock_assert(&c->lock);
	s->list = list;
	s->prev = NULL;
	s->next = *head;
	if (s->next)
		s->next->prev = s;
	*head = s;
	c->lists |= 1u << list;
}

void central_list_del(struct central *c, struct span *s)
{
	struct span **head = central_head(c, s->list);

	shim_lock_assert(&c->lock);
	if (s->prev)
		s->prev->next = s->next;
	else
		*head = s->next;
	if (s->next)
		s->next->prev = s->prev;
	if (!*head)
		c->lists &= ~(1u << s->list);
	s->list = LIST_NONE;
}

/*
 * The largest number of free objects with which a span belongs on that list; of the
 * first one, that with which it does not die.
 */
static unsigned int most_free(const struct span *s, unsigned int list)
{
	unsigned int used = (list % NR_LISTS * s->nobjs + NR_LISTS - 1) / NR_LISTS;

	return s->nobjs - (used ? used : 1);
}

/* It was on @s->list. */
void central_list_move(struct central *c, struct span *s)
{
	if (s->list != LIST_NONE)
		central_list_del(c, s);
	if (!s->nfree) {
		s->least = 0;
		s->most = 0;
		return;
	}
	list_add(c, s, central_list_of(s));
	s->most = (uint16_t)most_free(s, s->list);
	s->least = s->list % NR_LISTS == NR_LISTS - 1 ? 1 :
		   (uint16_t)(most_free(s, s->list + 1) + 1);
}

void central_bury(struct span *gone, struct span *dead)
{
	struct span *s;

	while (gone) {
		s = gone;
		gone = s->next;
		span_destroy_purged(s);
	}
	while (dead) {
		s = dead;
		dead = s->next;
		span_destroy(s);
	}
}
