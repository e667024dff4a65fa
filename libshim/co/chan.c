// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * chan: channels and select.
 *
 * Keeps true: while there are waiting receivers, the channel is empty and no
 * sender waits; while there are waiting senders, it is full.  Waiters are
 * served in the order in which they came.  A select takes the locks of all its
 * channels, in order of address, so that it checks all cases at the same moment
 * and waits on all of them at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block.h"
#include "base/error.h"
#include "base/lock.h"
#include "run.h"

#define CASES_MAX	64

/*
 * An entry in one channel's list; its struct block may wait on several
 * channels.
 */
struct chan_wait {
	struct chan_wait *next;
	struct chan_wait **prev;	/* NULL: in no list */
	struct block *block;
	int index;
	void *elem;
	bool ok;
};

struct chan_list {
	struct chan_wait *head;
	struct chan_wait **tail;
};

struct shim_chan {
	struct shim_lock lock;
	bool closed;
	size_t size;
	size_t room;
	size_t count;
	size_t first;
	struct chan_list senders;
	struct chan_list receivers;
	char buf[];
};

static void list_add(struct chan_list *l, struct chan_wait *w)
{
	w->next = NULL;
	w->prev = l->tail;
	*l->tail = w;
	l->tail = &w->next;
}

static void list_del(struct chan_list *l, struct chan_wait *w)
{
	*w->prev = w->next;
	if (w->next)
		w->next->prev = w->prev;
	else
		l->tail = w->prev;
	w->prev = NULL;
}

/*
 * Claim the first waiter that has not been claimed yet, and take it off the
 * list.  Return: it, or NULL.
 */
static struct chan_wait *list_claim(struct chan_list *l)
{
	struct chan_wait *w;

	while ((w = l->head)) {
		list_del(l, w);
		if (block_claim(w->block, w->index))
			return w;
	}
	return NULL;
}

EXPORT struct shim_chan *shim_chan_new(size_t size, size_t room)
{
	struct shim_chan *c;
	size_t bytes;

	if (__builtin_mul_overflow(size, room, &bytes) ||
	    __builtin_add_overflow(bytes, sizeof(*c), &bytes)) {
		errno = EINVAL;
		return NULL;
	}
	c = calloc(1, bytes);
	if (!c)
		return NULL;
	shim_lock_init(&c->lock, SHIM_RANK_NONE);
	c->size = size;
	c->room = room;
	c->senders.tail = &c->senders.head;
	c->receivers.tail = &c->receivers.head;
	return c;
}

EXPORT void shim_chan_free(struct shim_chan *c)
{
	if (c && (c->senders.head || c->receivers.head))
		shim_bug("a channel is freed while something waits on it", c);
	free(c);
}

static void elem_copy(const struct shim_chan *c, void *to, const void *from)
{
	if (to && from && c->size)
		memcpy(to, from, c->size);
}

static char *elem_at(struct shim_chan *c, size_t i)
{
	return c->buf + (c->first + i) % c->room * c->size;
}

/* Send if that needs no wait. Lock held. Return: true if it was sent. */
static bool try_send(struct shim_chan *c, const void *elem, bool *ok)
{
	struct chan_wait *w;

	*ok = !c->closed;
	if (c->closed)
		return true;
	w = list_claim(&c->receivers);
	if (w) {
		elem_copy(c, w->elem, elem);
		w->ok = true;
		block_wake(w->block);
		return true;
	}
	if (c->count == c->room)
		return false;
	elem_copy(c, elem_at(c, c->count), elem);
	c->count++;
	return true;
}

static bool try_recv(struct shim_chan *c, void *elem, bool *ok)
{
	struct chan_wait *w;

	*ok = true;
	if (c->count) {
		elem_copy(c, elem, elem_at(c, 0));
		c->first = (c->first + 1) % c->room;
		c->count--;
		w = list_claim(&c->senders);
		if (w) {
			elem_copy(c, elem_at(c, c->count), w->elem);
			c->count++;
			w->ok = true;
			block_wake(w->block);
		}
		return true;
	}
	w = list_claim(&c->senders);
	if (w) {
		elem_copy(c, elem, w->elem);
		w->ok = true;
		block_wake(w->block);
		return true;
	}
	*ok = false;
	return c->closed;
}

EXPORT void shim_chan_close(struct shim_chan *c)
{
	struct chan_wait *w;

	shim_lock_acquire(&c->lock);
	c->closed = true;
	while ((w = list_claim(&c->receivers)) ||
	       (w = list_claim(&c->senders))) {
		w->ok = false;
		block_wake(w->block);
	}
	shim_lock_release(&c->lock);
}

/*
 * Collect the distinct channels of @cases in @chans, by address.  Return: how
 * many.
 */
static unsigned int chans_sort(struct shim_chan **chans,
			       const struct shim_chan_case *cases,
			       unsigned int nr)
{
	unsigned int i, j, n = 0;
	struct shim_chan *c;

	for (i = 0; i < nr; i++) {
		c = cases[i].chan;
		for (j = n; j && chans[j - 1] > c; j--)
			;
		if (!c || (j && chans[j - 1] == c))
			continue;
		memmove(chans + j + 1, chans + j, (n - j) * sizeof(c));
		chans[j] = c;
		n++;
	}
	return n;
}

static void chans_lock(struct shim_chan **chans, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		shim_lock_acquire_nested(&chans[i]->lock);
}

static void chans_unlock(struct shim_chan **chans, unsigned int n)
{
	while (n--)
		shim_lock_release(&chans[n]->lock);
}

/*
 * The case to begin with: at random (xorshift), so that none is always first.
 */
static unsigned int any_of(unsigned int nr)
{
	static __thread uint32_t state
		__attribute__((tls_model("initial-exec")));

	if (nr == 1)
		return 0;
	if (!state)
		state = (uint32_t)(uintptr_t)&state | 1;
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % nr;
}

/*
 * Perform the first case that is possible.  Locks held.  Return: its index, or
 * -1.
 */
static int try_all(struct shim_chan_case *cases, unsigned int nr)
{
	unsigned int i, n = any_of(nr);
	struct shim_chan_case *k;

	for (i = 0; i < nr; i++, n = n + 1 < nr ? n + 1 : 0) {
		k = &cases[n];
		if (k->chan && (k->send ? try_send(k->chan, k->elem, &k->ok) :
					  try_recv(k->chan, k->elem, &k->ok)))
			return (int)n;
	}
	return -1;
}

static struct chan_list *list_of(const struct shim_chan_case *k)
{
	return k->send ? &k->chan->senders : &k->chan->receivers;
}

EXPORT int shim_chan_select(struct shim_chan_case *cases, unsigned int nr,
			    int64_t timeout)
{
	struct shim_chan *chans[CASES_MAX];
	struct chan_wait waits[nr && nr <= CASES_MAX ? nr : 1];
	unsigned int i, n;
	struct block b;
	int done;

	if (!nr || nr > CASES_MAX) {
		errno = EINVAL;
		return -1;
	}
	n = chans_sort(chans, cases, nr);
	chans_lock(chans, n);
	done = try_all(cases, nr);
	if (done >= 0 || timeout == SHIM_CHAN_NOW) {
		chans_unlock(chans, n);
		if (done < 0)
			errno = ETIMEDOUT;
		return done;
	}
	block_init(&b);
	for (i = 0; i < nr; i++) {
		waits[i] = (struct chan_wait){
			.block = &b, .index = (int)i, .elem = cases[i].elem
		};
		if (cases[i].chan)
			list_add(list_of(&cases[i]), &waits[i]);
	}
	chans_unlock(chans, n);
	done = block_wait(&b, timeout);
	chans_lock(chans, n);
	for (i = 0; i < nr; i++)
		if (waits[i].prev)
			list_del(list_of(&cases[i]), &waits[i]);
	chans_unlock(chans, n);
	block_end(&b);
	if (done < 0) {
		errno = ETIMEDOUT;
		return -1;
	}
	cases[done].ok = waits[done].ok;
	return done;
}

EXPORT int shim_chan_send(struct shim_chan *c, const void *elem)
{
	struct shim_chan_case k = {
		.chan = c, .elem = (void *)elem, .send = true
	};

	shim_chan_select(&k, 1, SHIM_CO_FOREVER);
	if (k.ok)
		return 0;
	errno = EPIPE;
	return -1;
}

EXPORT int shim_chan_recv(struct shim_chan *c, void *elem)
{
	struct shim_chan_case k = { .chan = c, .elem = elem };

	shim_chan_select(&k, 1, SHIM_CO_FOREVER);
	return k.ok;
}
