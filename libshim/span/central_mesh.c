// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * central_mesh: when spans are meshed, and which.
 *
 * Whether two spans fit is tried, not computed: the SplitMesher of Powers et al.
 * (see span_mesh.h) halves the spans, and compares the first half with the second
 * one, shifted by one more place each time.  With spans whose objects lie at
 * random, a few dozen such diagonals find most of what there is.
 *
 * Who pays: as in scavenger.c there is no background thread.
 *
 *	at a tick	spans that were quiet for two looks, for a hundredth of
 *			the time that has passed
 *	in a burst	when much of a class has been freed, whatever was looked
 *			at and did not change until it was meshed: PACED, for
 *			what ticks have left of that hundredth, so that all
 *			meshing together takes no more; PAID, for FREE_NS for
 *			each object that was freed since meshing began, and a
 *			COST_PAIR for each 8 KiB of them
 *	on demand	all of them: malloc_trim(), shim_ctl("trim")
 *
 * Keeps true: candidates are spans that the class's lists had when they were
 * collected, and are checked again with the lock held, since descriptors are
 * never unmapped.  One thread at a time meshes, with a lock above the
 * class's; another one goes on without.  Called by central and, at ticks, by
 * boot.
 */
#include <stddef.h>

#include "base/clock.h"
#include "base/sys.h"
#include "central_int.h"
#include "central_mesh.h"
#include "span.h"
#include "span_compound.h"
#include "span_mesh.h"
#include "base/usage.h"

#define CANDIDATES	4096u	/* 64 KiB of records; 32 MiB of the smallest spans */
#define DIAGONALS	128u
#define PROBES		2048u	/* while the class's lock is held: 40 us */
/*
 * Two spans with u and v of n objects fit with a probability of about
 * exp(-u * v / n).  At 6 that is 1 in 400: 64 probes would hardly find any.
 */
#define HOPE		6u
#define SPANS_MIN	64u	/* free spans' worth, below which no round begins */
#define ROUND_SHARE	16u	/* part of a class to be freed until the next round */

/* In ns, as in pageheap_int.h: of an EPYC of 2024, the module in a VM. */
#define COST_PROBE	20
#define COST_PAIR	4000
#define COST_BYTES	4	/* bytes that are copied in one */
#define COST_APART	400000	/* cutting a block: 512 pages are had, 2 MiB are copied */
#define FREE_NS		25	/* a free that misses its cache takes as much */
#define CREDIT_MAX	1000000000	/* what 2 GiB of freed objects earn, or 100 s */
/*
 * What one batch that is freed may cost, and a step more: the caches free in bulk, so
 * that of 256 MiB of 64 B there are a few hundred batches.
 */
#define BURST_NS	1000000
#define TICK_SHARE	100	/* one part of the time in so many */
#define TICK_MAX	3000000	/* they are 300 ms apart, or more */
/* What is copied in a second at ticks, at most. */
#define COPY_SECOND	((int64_t)8 << 20)
#define WAIT_NS		5000000000ull	/* after a relative was in the way */
#define MESH_LISTS	(6u * NODES)	/* up to six eighths in use */

struct candidate {
	struct span *span;
	uint16_t nfree;
};

/**
 * struct mesher - the one that meshes
 * @cls: the class whose round it is, 0 for none
 * @all: the round takes spans that were not quiet as well
 * @at: behind which span to look on
 * @list: its list, of the class's
 * @n: candidates, in two halves
 * @diagonal: how far the second half is shifted
 * @next: the next of the first half
 * @found: spans meshed in this round
 * @cut: blocks cut for it, whose spans are still to be meshed
 * @wait_ns: no round begins before; atomic
 * @tick_ns: when the last tick was
 * @due: how long ticks may mesh, in ns; a step that took longer is a debt
 * @copies: bytes that ticks may copy
 * @turn: class of the last tick
 * @st: the numbers that are counted here
 *
 * Protected by @lock, but for what is atomic.
 */
static struct mesher {
	unsigned int cls;
	bool all;
	struct span *at;
	unsigned int list;
	unsigned int n, diagonal, next;
	size_t found;
	size_t cut;
	uint64_t wait_ns;
	uint64_t tick_ns;
	int64_t due;
	int64_t copies;
	unsigned int turn;
	struct central_mesh_stat st;
} mesher;

static struct shim_lock lock = SHIM_LOCK_INIT(SHIM_RANK_MESH);
static unsigned char mode;	/* enum central_mesh_mode; atomic */
static int64_t credit;		/* of bursts, in ns; atomic */
static struct candidate candidates[CANDIDATES] SHIM_BSS_LARGE;
static struct span_batch batch SHIM_BSS_LARGE;

/* Survivors of which the aliases go first, and where to. */
static struct {
	struct span *dst, *src;
} later[MESH_PAIRS] SHIM_BSS_LARGE;

static bool class_meshes(unsigned int cls)
{
	return sizeclass_info[cls].size <= SPAN_MESH_SIZE;
}

static unsigned int span_used(const struct span *s)
{
	return (unsigned int)(s->nobjs - s->nfree);
}

/*
 * Has a span not changed for two looks?  Of larger objects central_purge() keeps
 * the record.
 */
static bool is_quiet(struct span *s)
{
	unsigned int last = s->seen;

	if (last == (s->nfree | CENTRAL_QUIET))
		return true;
	if (span_size(s) >= CENTRAL_PURGE_SIZE)
		return false;
	s->seen = s->nfree;
	if (last == s->nfree)
		s->seen |= CENTRAL_QUIET;
	return false;
}

/* The emptiest of each node first, then the next ones. */
static unsigned int mesh_list(unsigned int i)
{
	return i % NODES * NR_LISTS + i / NODES;
}

/* Collect candidates. Return: false at the end of the class's lists. */
static bool collect(struct central *c)
{
	unsigned int looks = 0, half;
	struct span *s = mesher.at;

	shim_lock_assert(&c->lock);
	mesher.n = 0;
	mesher.next = 0;
	mesher.diagonal = 0;
	while (looks < CENTRAL_LOOKS && mesher.n < CANDIDATES) {
		if (s && s->state == SPAN_INUSE &&
		    s->sizeclass == c - central &&
		    s->list == mesh_list(mesher.list))
			s = s->next;
		else
			s = *central_head(c, mesh_list(mesher.list));
		/*
		 * Where the lists are long, the last one looked at is a mark,
		 * and no candidate.
		 */
		while (s && looks < CENTRAL_LOOKS - 1 &&
		       mesher.n < CANDIDATES) {
			unsigned int used = span_used(s);

			looks++;
			if (used && used * used <= 2 * HOPE * s->nobjs &&
			    !span_is_mixed(s) && span_can_mesh(s) && (mesher.all || is_quiet(s)) &&
			    span_mesh_ready(s)) {
				candidates[mesher.n].span = s;
				candidates[mesher.n++].nfree = s->nfree;
			}
			s = s->next;
		}
		mesher.at = s;
		if (s)
			break;
		if (++mesher.list == MESH_LISTS)
			break;
	}
	/* the halves are of one length */
	half = mesher.n / 2;
	mesher.n = 2 * half;
	return mesher.list < MESH_LISTS;
}

/* Is a candidate as it was? */
static bool is_unchanged(const struct central *c, const struct candidate *v)
{
	const struct span *s = v->span;

	return s->state == SPAN_INUSE && s->sizeclass == c - central &&
	       s->list != LIST_NONE && !span_is_alias(s) &&
	       !span_is_mixed(s) && s->nfree == v->nfree;
}

/* Into the batch: of a group the aliases, which the survivor follows. */
static bool add_group(struct span *dst, struct span *src, unsigned int *nlater)
{
	unsigned int nr = batch.nr, nr_moves = batch.nr_moves;
	struct span *a;

	if (!src->mesh)
		return span_batch_add(&batch, dst, src);
	for (a = src->mesh; a; a = a->next) {
		if (span_batch_add(&batch, dst, a))
			continue;
		batch.nr = nr;
		batch.nr_moves = nr_moves;
		return false;
	}
	later[*nlater].dst = dst;
	later[(*nlater)++].src = src;
	return true;
}

/* Find pairs, for a bounded time. Return: what that costs. */
static int64_t probe(struct central *c, unsigned int *nlater)
{
	unsigned int half = mesher.n / 2, probes = 0, looks;

	shim_lock_assert(&c->lock);
	for (looks = 0; looks < CENTRAL_LOOKS && probes < PROBES; looks++) {
		struct candidate *x, *y;
		struct span *src;

		if (mesher.diagonal == DIAGONALS || mesher.diagonal >= half)
			break;
		x = &candidates[mesher.next];
		y = &candidates[half + (mesher.next + mesher.diagonal) % half];
		if (x->span && y->span) {
			probes++;
			if (!is_unchanged(c, x))
				x->span = NULL;
			if (!is_unchanged(c, y))
				y->span = NULL;
			mesher.st.changed += !x->span + !y->span;
		}
		if (x->span && y->span &&
		    span_used(x->span) * span_used(y->span) <=
		    HOPE * x->span->nobjs) {
			src = span_fit(x->span, y->span);
			/* a full batch has this one come first in the next */
			if (src && !add_group(src == x->span ? y->span :
							       x->span,
					      src, nlater))
				break;
			if (src) {
				x->span = NULL;
				y->span = NULL;
			}
		}
		if (++mesher.next == half) {
			mesher.next = 0;
			mesher.diagonal++;
		}
	}
	mesher.st.probes += probes;
	return (int64_t)probes * COST_PROBE;
}

/* Mesh what is in the batch. Return: what that costs. */
static int64_t mesh_batch(struct central *c, bool *wait)
{
	unsigned int pairs = batch.nr, bytes = 0, n = 0, done, i;
	struct span *single[MESH_PAIRS];

	for (i = 0; i < batch.nr_moves; i++)
		bytes += batch.moves[i].len;
	/* an alias of another group is on no list */
	for (i = 0; i < batch.nr; i++)
		if (batch.src[i]->list != LIST_NONE) {
			single[n++] = batch.src[i];
			central_list_del(c, batch.src[i]);
		}
	*wait = span_batch_do(&batch, &done);
	for (i = 0; i < done; i++)
		central_list_renew(c, batch.dst[i]);
	for (i = 0; i < n; i++) {
		if (!span_is_alias(single[i])) {
			central_list_renew(c, single[i]);
			continue;
		}
		c->spans--;
		c->slots -= single[i]->nobjs;
		c->aliases++;
		c->nfree -= single[i]->nobjs;
		mesher.st.spans++;
		mesher.found++;
	}
	*wait = *wait && !done;
	mesher.copies -= bytes;
	return (int64_t)pairs * COST_PAIR + bytes / COST_BYTES;
}

/* One hold of the class's lock. Return: what it has cost. */
static int64_t mesh_some(struct central *c, bool *wait, struct span **dead)
{
	unsigned int nlater = 0, i;
	int64_t cost;

	cost = probe(c, &nlater);
	*wait = false;
	if (!batch.nr)
		return cost;
	cost += mesh_batch(c, wait);
	for (i = 0; i < nlater; i++) {
		struct span *s = later[i].src;

		central_list_renew(c, s);
		if (s->mesh)
			continue;
		/* all that lived in it may have been its aliases' */
		if (s->nfree == s->nobjs)
			central_span_dies(c, s, dead);
		else
			span_batch_add(&batch, later[i].dst, s);
	}
	if (batch.nr) {
		bool again;

		cost += mesh_batch(c, &again);
	}
	return cost;
}

static void round_begin(unsigned int cls, bool all)
{
	mesher.cls = cls;
	mesher.all = all;
	mesher.at = NULL;
	mesher.list = 0;
	mesher.n = 0;
	mesher.next = 0;
	mesher.diagonal = 0;
	mesher.found = 0;
	mesher.cut = 0;
}

/*
 * The next round begins when enough more has been freed, or at once if this one
 * has found much: what was meshed may be meshed again.  Lock of the class held.
 * Return: true in the second case.
 */
static bool round_end(struct central *c)
{
	size_t more = c->slots / ROUND_SHARE;
	bool much = mesher.found > c->spans / 32 || mesher.cut;

	if (more < SPANS_MIN / 4 * sizeclass_info[c - central].nobjs)
		more = SPANS_MIN / 4 * sizeclass_info[c - central].nobjs;
	if (c->mesh_from)
		c->mesh_from = c->nfree + (much ? 0 : more) + 1;
	mesher.cls = 0;
	mesher.st.rounds++;
	return much;
}

static void wait_begin(void)
{
	__atomic_store_n(&mesher.wait_ns, clock_coarse() + WAIT_NS,
			 __ATOMIC_RELAXED);
	mesher.st.waits++;
}

static bool is_waiting(void)
{
	uint64_t until = __atomic_load_n(&mesher.wait_ns, __ATOMIC_RELAXED);

	return until && clock_coarse() < until;
}

/*
 * A step of the round of mesher.cls: cut a block, collect, or find and mesh some.
 * Return: what it has cost; mesher.cls is 0 at the end of the round, and *@much
 * true if another one is worth it.
 */
static int64_t step(bool *much)
{
	struct central *c = &central[mesher.cls];
	bool wait = false, end = false;
	struct span *dead = NULL;
	int64_t cost = COST_PAIR;

	*much = false;
	if (span_mesh_apart()) {
		mesher.cut++;
		return COST_APART;
	}
	shim_lock_acquire(&c->lock);
	if (mesher.n) {
		cost = mesh_some(c, &wait, &dead);
		if (mesher.diagonal == DIAGONALS ||
		    mesher.diagonal >= mesher.n / 2) {
			mesher.n = 0;
			end = mesher.list == MESH_LISTS;
		}
	} else {
		end = !collect(c) && !mesher.n;
	}
	shim_lock_release(&c->lock);
	central_bury(NULL, dead);
	if (wait)
		wait_begin();
	if (wait || end) {
		shim_lock_acquire(&c->lock);
		*much = round_end(c) && !wait;
		shim_lock_release(&c->lock);
	}
	return cost;
}

enum central_mesh_mode central_mesh_mode(void)
{
	return __atomic_load_n(&mode, __ATOMIC_RELAXED);
}

static void credit_add(int64_t ns)
{
	if (__atomic_load_n(&credit, __ATOMIC_RELAXED) < CREDIT_MAX)
		__atomic_fetch_add(&credit, ns, __ATOMIC_RELAXED);
}

void central_mesh_earn(unsigned int cls, unsigned int n)
{
	int64_t each = FREE_NS + (int64_t)sizeclass_info[cls].size * COST_PAIR /
				 (int64_t)PAGE_SIZE;

	if (central_mesh_mode() == CENTRAL_MESH_PAID)
		credit_add(n * each);
}

/* Is so much of a class free that spans of it will fit? */
static bool burst_is_worth_it(struct central *c)
{
	size_t nobjs = sizeclass_info[c - central].nobjs, used;
	bool worth;

	shim_lock_acquire(&c->lock);
	used = c->spans ? (c->slots - c->nfree) / c->spans : 0;
	worth = c->spans >= SPANS_MIN && used * used <= 2 * HOPE * nobjs &&
		c->mesh_from && c->nfree >= c->mesh_from;
	if (!worth && c->mesh_from && c->nfree >= c->mesh_from)
		c->mesh_from = c->nfree + c->slots / ROUND_SHARE +
			       SPANS_MIN / 4 * nobjs;
	shim_lock_release(&c->lock);
	return worth;
}

void central_mesh_burst(unsigned int cls)
{
	int64_t spend = __atomic_load_n(&credit, __ATOMIC_RELAXED), spent = 0;
	bool much;

	if (spend <= 0 || is_waiting() || !shim_lock_try(&lock))
		return;
	if (spend > BURST_NS)
		spend = BURST_NS;
	while (spent < spend && !is_waiting()) {
		if (!mesher.cls && !burst_is_worth_it(&central[cls]))
			break;
		if (!mesher.cls)
			round_begin(cls, true);
		spent += step(&much);
	}
	__atomic_fetch_sub(&credit, spent, __ATOMIC_RELAXED);
	shim_lock_release(&lock);
}

/* Aliases that could not leave when they were to, or that are few. */
static void reap_class(struct central *c)
{
	struct span *gone = NULL, *dead = NULL;

	shim_lock_acquire(&c->lock);
	if (c->unused)
		central_reap(c, &gone, &dead);
	shim_lock_release(&c->lock);
	central_bury(gone, dead);
}

/* Has a class spans that may be candidates? */
static bool class_is_worth_it(unsigned int cls)
{
	return class_meshes(cls) &&
	       __atomic_load_n(&central[cls].lists, __ATOMIC_RELAXED) &
	       ((1u << MESH_LISTS) - 1);
}

/* Some time has passed.  What ticks do not use, a burst may. */
static void time_passes(int64_t ns)
{
	mesher.copies += ns / 1000 * COPY_SECOND / 1000000;
	if (mesher.copies > COPY_SECOND)
		mesher.copies = COPY_SECOND;
	mesher.due += ns / TICK_SHARE;
	if (mesher.due <= TICK_MAX)
		return;
	if (central_mesh_mode() == CENTRAL_MESH_PACED)
		credit_add(mesher.due - TICK_MAX);
	mesher.due = TICK_MAX;
}

/* The time may have come that CENTRAL_MESH_LATER means. */
static bool has_begun(void)
{
	if (central_mesh_mode() == CENTRAL_MESH_LATER && span_mesh_is_due())
		central_mesh_enable(CENTRAL_MESH_PACED);
	return central_mesh_mode() >= CENTRAL_MESH_PACED;
}

void central_mesh_tick(void)
{
	uint64_t now = clock_coarse(), before;
	bool begun = has_begun(), much;
	unsigned int i;

	if (!shim_lock_try(&lock))
		return;
	for (i = 1; i <= SIZECLASS_COUNT; i++)
		if (__atomic_load_n(&central[i].nunused, __ATOMIC_RELAXED))
			reap_class(&central[i]);
	if (mesher.tick_ns)
		time_passes((int64_t)(now - mesher.tick_ns));
	mesher.tick_ns = now;
	before = mesher.st.spans + mesher.cut;
	i = begun && !is_waiting() ? 0 : SIZECLASS_COUNT;
	while (mesher.due > 0 && mesher.copies > 0 && i < SIZECLASS_COUNT) {
		if (!mesher.cls) {
			mesher.turn = mesher.turn % SIZECLASS_COUNT + 1;
			i++;
			if (!class_is_worth_it(mesher.turn))
				continue;
			round_begin(mesher.turn, false);
		}
		mesher.due -= step(&much);
	}
	if (mesher.st.spans + mesher.cut != before)
		scavenger_stir();
	shim_lock_release(&lock);
}

void central_mesh_all(void)
{
	unsigned int cls;
	bool much;

	if (!has_begun())
		return;
	shim_lock_acquire(&lock);
	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		if (!class_meshes(cls))
			continue;
		reap_class(&central[cls]);
		do {
			round_begin(cls, true);
			while (mesher.cls)
				step(&much);
		} while (much);
	}
	shim_lock_release(&lock);
}

const char *central_mesh_enable(enum central_mesh_mode how)
{
	bool want = how >= CENTRAL_MESH_PACED;
	const char *why = want ? span_mesh_why_not() : NULL;
	unsigned int cls;

	if (how == CENTRAL_MESH_LATER) {
		__atomic_store_n(&mode, how, __ATOMIC_RELAXED);
		return NULL;
	}
	want = want && !why;
	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		struct central *c = &central[cls];

		shim_lock_acquire(&c->lock);
		c->mesh_from = want && class_meshes(cls) ?
			       SPANS_MIN * sizeclass_info[cls].nobjs : 0;
		shim_lock_release(&c->lock);
	}
	span_set_random(want ? SPAN_MESH_SIZE : 0);
	span_mesh_begin(want);
	__atomic_store_n(&mode, want ? how : CENTRAL_MESH_OFF, __ATOMIC_RELAXED);
	return why;
}

const char *central_mesh_why_not(void)
{
	return span_mesh_why_not();
}

void central_mesh_get_stat(struct central_mesh_stat *st)
{
	unsigned int cls;

	shim_lock_acquire(&lock);
	*st = mesher.st;
	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		struct central *c = &central[cls];

		shim_lock_acquire(&c->lock);
		st->aliases += c->aliases;
		st->span_bytes += c->aliases * PAGE_SIZE *
				  sizeclass_info[cls].npages;
		shim_lock_release(&c->lock);
	}
	st->left = st->spans - st->aliases;
	shim_lock_release(&lock);
}

void central_mesh_fork_prepare(void)
{
	shim_lock_fork_prepare(&lock);
}

void central_mesh_fork_parent(void)
{
	shim_lock_fork_parent(&lock);
}

void central_mesh_fork_child(void)
{
	shim_lock_fork_child(&lock);
}
