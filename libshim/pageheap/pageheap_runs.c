// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pageheap_runs: runs of free whole blocks.
 *
 * Keeps true: two free runs of one kind and backend never touch; the first and
 * the last block of a run have records that hold its length.  Joining reads the
 * two neighbours and taking reads one list, so no operation walks the heap.
 *
 * Protected by ph.lock.  Called by pageheap and scavenger.
 */
#include "pageheap_int.h"

#define TRIES	256u	/* work in a bucket; a run that does not fit is 8 */

static unsigned int bucket_of(size_t blocks)
{
	if (blocks < RUN_EXACT)
		return (unsigned int)blocks;
	/* 64 to 127 blocks: RUN_EXACT, and so on */
	return RUN_EXACT + 63 - (unsigned int)__builtin_clzll(blocks) - 6;
}

static struct runs *runs_of(const struct block *b)
{
	return &ph.runs[b->kind][b->backend];
}

static void run_link(struct block *head, size_t blocks)
{
	struct block *last = block_at(head->start + (blocks - 1) * BLOCK_SIZE);
	struct runs *r = runs_of(head);
	unsigned int i = bucket_of(blocks);
	struct block **list = run_list(r);
	uint64_t bit = 1ULL << (i % 64);

	shim_lock_assert(&ph.lock);
	head->run = (uint32_t)blocks;
	last->run = (uint32_t)blocks;
	last->kind = head->kind;
	last->node = head->node;
	last->state = BLOCK_FREE;
	head->prev = NULL;
	head->next = r->nonempty[i / 64] & bit ? list[i] : NULL;
	if (head->next)
		head->next->prev = head;
	list[i] = head;
	r->nonempty[i / 64] |= bit;
	r->blocks += blocks;
	if (head->kind != RUN_RETURNED)
		ph.idle += blocks * BLOCK_PAGES;
}

static void run_unlink(struct block *head)
{
	struct runs *r = runs_of(head);
	unsigned int i = bucket_of(head->run);
	struct block **list = run_list(r);

	shim_lock_assert(&ph.lock);
	if (head->next)
		head->next->prev = head->prev;
	if (head->prev)
		head->prev->next = head->next;
	else
		list[i] = head->next;
	if (!list[i])
		r->nonempty[i / 64] &= ~(1ULL << (i % 64));
	r->blocks -= head->run;
	if (head->kind != RUN_RETURNED)
		ph.idle -= (size_t)head->run * BLOCK_PAGES;
	head->state = BLOCK_NONE;
	block_at(head->start + (head->run - 1) * BLOCK_SIZE)->state = BLOCK_NONE;
}

static bool is_run_end(const struct block *b, enum backend_id backend,
		       enum run_kind kind, unsigned int node)
{
	return b && b->state == BLOCK_FREE && b->backend == backend &&
	       b->kind == kind && b->node == node;
}

/**
 * runs_blocks - free whole blocks that have memory
 */
size_t runs_blocks(void)
{
	size_t sum = 0;
	int i;

	for (i = 0; i < BACKEND_NR; i++)
		sum += ph.runs[RUN_WHOLE][i].blocks +
		       ph.runs[RUN_PAGES][i].blocks;
	return sum;
}

/**
 * runs_note_low - some of them have been taken: remember the smallest number
 */
void runs_note_low(void)
{
	size_t now = runs_blocks();

	if (now < ph.runs_low)
		ph.runs_low = now;
}

/**
 * runs_insert - make a run free
 * @start: first byte
 * @blocks: length; the first and the last have records
 * @backend: their backend
 * @kind: the kind of its memory
 *
 * Return: the first block of the run that it became or joined.
 */
struct block *runs_insert(uintptr_t start, size_t blocks,
			  enum backend_id backend, enum run_kind kind)
{
	struct block *left = block_at(start - BLOCK_SIZE);
	struct block *right = block_at(start + blocks * BLOCK_SIZE);
	const struct block *stuck = NULL;
	struct block *head;
	uint8_t node;

	/* memory that is not there is on no node */
	node = kind == RUN_RETURNED ? 0 : block_at(start)->node;
	block_at(start)->state = BLOCK_NONE;
	block_at(start + (blocks - 1) * BLOCK_SIZE)->state = BLOCK_NONE;
	if (is_run_end(left, backend, kind, node)) {
		size_t n = left->run;

		start -= n * BLOCK_SIZE;
		run_unlink(block_at(start));
		blocks += n;
		if (block_at(start)->stuck)
			stuck = block_at(start);
	}
	if (is_run_end(right, backend, kind, node)) {
		size_t n = right->run;

		run_unlink(right);
		blocks += n;
		if (right->stuck)
			stuck = right;
	}
	head = block_at(start);
	head->state = BLOCK_FREE;
	head->kind = (uint8_t)kind;
	head->node = node;
	head->stuck = stuck;
	if (stuck)
		head->stamp = stuck->stamp;
	run_link(head, blocks);
	return head;
}

/*
 * Take [@start, @start + @blocks) out of the run at @head, and put back the
 * rest on both sides.  Changes nothing if there is no memory for a record.
 */
static bool run_cut(struct block *head, uintptr_t start, size_t blocks)
{
	enum backend_id backend = head->backend;
	enum run_kind kind = head->kind;
	uint8_t node = head->node;
	uintptr_t first = head->start, end = start + blocks * BLOCK_SIZE;
	size_t left = (start - first) / BLOCK_SIZE;
	size_t right = head->run - left - blocks;

	if (!block_get(start, backend) || !block_get(end - BLOCK_SIZE, backend))
		return false;
	if (left && !block_get(start - BLOCK_SIZE, backend))
		return false;
	if (right && !block_get(end, backend))
		return false;
	run_unlink(head);
	block_at(start)->state = BLOCK_NONE;
	block_at(end - BLOCK_SIZE)->state = BLOCK_NONE;
	block_at(start)->node = node;
	block_at(end - BLOCK_SIZE)->node = node;
	if (right)
		block_at(end)->node = node;
	if (left)
		runs_insert(first, left, backend, kind);
	if (right)
		runs_insert(end, right, backend, kind);
	if (kind != RUN_RETURNED)
		runs_note_low();
	return true;
}

/* Where in a run an aligned part of @blocks starts, or 0. */
static uintptr_t run_fit(const struct block *head, size_t blocks, size_t align)
{
	uintptr_t start = (head->start + align - 1) & ~(align - 1);
	size_t skip = (start - head->start) / BLOCK_SIZE;

	return skip + blocks <= head->run ? start : 0;
}

/*
 * The shortest run that is long enough and that the kernel has not refused
 * within @age ticks; on node @node, unless that is NODES.
 */
static struct block *run_find(struct runs *r, size_t blocks, size_t align,
			      uint32_t age, unsigned int node,
			      uintptr_t *start)
{
	struct block **list = run_list(r), *head;
	unsigned int i, tries;

	if (r->blocks < blocks)
		return NULL;
	for (i = bucket_of(blocks); i < RUN_BUCKETS; i++) {
		if (!(r->nonempty[i / 64] >> (i % 64))) {
			i |= 63;	/* no bit in the rest of this word */
			continue;
		}
		/*
		 * the runs of a bucket differ in length: try some, then go up
		 */
		head = list[i];
		for (tries = 0; head && tries < TRIES; head = head->next) {
			if ((head->stuck && ph.tick - head->stamp < age) ||
			    (node < NODES && head->node != node)) {
				tries++;
				continue;
			}
			tries += TRIES / 32;
			*start = run_fit(head, blocks, align);
			if (*start)
				return head;
		}
	}
	return NULL;
}

/**
 * runs_has - is there a free block that has memory on this thread's node
 */
bool runs_has(void)
{
	struct runs *r;
	uintptr_t start;
	int i;

	for (i = 0; i < BACKEND_NR; i++) {
		r = &ph.runs[RUN_WHOLE][i];
		if (r->blocks && (!node_matters() ||
				  run_find(r, 1, BLOCK_SIZE, 0, node_here(), &start)))
			return true;
	}
	return false;
}

/**
 * runs_has_blocks - are blocks of a kind free in a row
 * @backend: their backend
 * @kind: their kind
 * @blocks: how many
 */
bool runs_has_blocks(enum backend_id backend, enum run_kind kind, size_t blocks)
{
	uintptr_t start;

	return run_find(&ph.runs[kind][backend], blocks, BLOCK_SIZE, 0, NODES,
			&start);
}

/**
 * runs_take - take blocks from the free runs of one kind
 * @backend: their backend
 * @kind: which kind
 * @blocks: how many in a row
 * @align: bytes, a power of two, at least BLOCK_SIZE
 * @near: where its memory is on this thread's node, if it has any
 * @start: out: first byte
 *
 * From the shortest run that is long enough.  The first and the last block
 * have records then, in state BLOCK_NONE.
 *
 * Return: false with nothing changed if there is no such run.
 */
bool runs_take(enum backend_id backend, enum run_kind kind, size_t blocks,
	       size_t align, bool near, uintptr_t *start)
{
	unsigned int node = near && kind != RUN_RETURNED && node_matters() ?
			    node_here() : NODES;
	struct block *head = run_find(&ph.runs[kind][backend], blocks, align, 0,
				      node, start);

	return head && run_cut(head, *start, blocks);
}

/**
 * runs_take_old - take the longest run, in halves, to give it back
 * @backend: their backend
 * @kind: which kind
 * @blocks: in: how many at most; out: how many
 * @age: ticks for which the kernel must not have refused it
 * @start: out: first byte
 *
 * Return: false with nothing changed if there is none.
 */
bool runs_take_old(enum backend_id backend, enum run_kind kind, size_t *blocks,
		   uint32_t age, uintptr_t *start)
{
	struct runs *r = &ph.runs[kind][backend];
	struct block *head;
	size_t n = r->blocks < *blocks ? r->blocks : *blocks;

	for (; n; n /= 2) {
		head = run_find(r, n, BLOCK_SIZE, age, NODES, start);
		if (head && run_cut(head, *start, n))
			break;
	}
	*blocks = n;
	return n;
}

/* How many pages are free at the end of a block, if it has pages in use. */
static unsigned int block_room(const struct block *b, unsigned int backend)
{
	if (!b || b->state != BLOCK_PART || b->backend != backend)
		return 0;
	return BLOCK_PAGES - bits_prev_end(&b->used, BLOCK_PAGES);
}

static unsigned int room_before(const struct block *head)
{
	return block_room(block_at(head->start - BLOCK_SIZE), head->backend);
}

/* And at the beginning of the block behind it. */
static unsigned int room_behind(const struct block *head)
{
	const struct block *b = block_at(head->start + head->run * BLOCK_SIZE);

	if (!b || b->state != BLOCK_PART || b->backend != head->backend)
		return 0;
	return bits_next(&b->used, 0);
}

/**
 * runs_take_beside - take blocks beside a block that has room for more
 * @backend: their backend
 * @kind: which kind
 * @blocks: how many in a row
 * @part: pages in a row that the block behind or before them must have free
 * @start: out: first byte of the blocks
 * @before: out: the room is before them, not behind
 *
 * Return: false with nothing changed if there are none.
 */
bool runs_take_beside(enum backend_id backend, enum run_kind kind,
		      size_t blocks, unsigned int part, uintptr_t *start,
		      bool *before)
{
	struct runs *r = &ph.runs[kind][backend];
	bool near = kind != RUN_RETURNED && node_matters();
	unsigned int i, tries = 0;
	struct block *head;

	if (r->blocks < blocks)
		return false;
	for (i = bucket_of(blocks); i < RUN_BUCKETS; i++)
		for (head = run_list(r)[i]; head; head = head->next) {
			if (tries++ == 32)
				return false;
			if (head->run < blocks ||
			    (near && head->node != node_here()))
				continue;
			*before = room_behind(head) < part;
			if (*before && room_before(head) < part)
				continue;
			*start = head->start;
			if (!*before)
				*start += (head->run - blocks) * BLOCK_SIZE;
			return run_cut(head, *start, blocks);
		}
	return false;
}

static struct block *list_head(struct runs *r, unsigned int i)
{
	return r->nonempty[i / 64] >> (i % 64) & 1 ? run_list(r)[i] : NULL;
}

/* A free block that is in no run because its memory is 4 KiB pages. */
static bool is_empty_part(const struct block *b, enum backend_id backend)
{
	return b && b->state == BLOCK_PART && b->backend == backend &&
	       !b->nused && !b->whole && !b->joining && !b->releasing &&
	       !b->nmeshed && !b->stuck;
}

/**
 * runs_find_longer - find a run that is too short, but not with what is beside it
 * @backend: of both
 * @blocks: how many in a row
 * @longer: out: what was found, unless it is NULL
 *
 * The longest RUN_WHOLE run of this thread's node that has enough blocks without
 * memory behind it or before it, or one behind it that can be joined.
 *
 * Return: false if there is none.
 */
bool runs_find_longer(enum backend_id backend, size_t blocks,
		      struct longer *longer)
{
	struct runs *r = &ph.runs[RUN_WHOLE][backend];
	unsigned int i, tries = 0;
	struct block *head, *b;

	for (i = bucket_of(blocks); i && r->blocks; i--)
		for (head = list_head(r, i); head; head = head->next) {
			uintptr_t end = head->start + head->run * BLOCK_SIZE;

			if (tries++ == TRIES / 8)
				return false;
			if (head->run >= blocks ||
			    (node_matters() && head->node != node_here()))
				continue;
			longer->had = head->run;
			longer->had_at = head->start;
			b = block_at(end);
			longer->first = is_empty_part(b, backend) ? b : NULL;
			if (longer->first)
				return true;
			longer->fresh_at = end;
			if (is_run_end(b, backend, RUN_RETURNED, 0) &&
			    head->run + b->run >= blocks)
				return true;
			b = block_at(head->start - BLOCK_SIZE);
			longer->fresh_at = head->start -
					   (blocks - head->run) * BLOCK_SIZE;
			if (is_run_end(b, backend, RUN_RETURNED, 0) &&
			    head->run + b->run >= blocks)
				return true;
		}
	return false;
}

/**
 * runs_take_longer - take what runs_find_longer() has found
 * @backend: as there
 * @blocks: as there
 * @longer: what it found, since when the lock was held
 *
 * The first and the last block of both parts have records then, in state
 * BLOCK_NONE.
 *
 * Return: false with nothing changed if there is no memory for records.
 */
bool runs_take_longer(enum backend_id backend, size_t blocks,
		      const struct longer *longer)
{
	size_t n = blocks - longer->had;
	struct block *b = block_at(longer->fresh_at);

	/* the end of a run that begins before it, if what is fresh is before */
	if (longer->fresh_at < longer->had_at) {
		b = block_at(longer->had_at - BLOCK_SIZE);
		b = block_at(longer->had_at - b->run * BLOCK_SIZE);
	}
	if (!run_cut(b, longer->fresh_at, n))
		return false;
	if (run_cut(block_at(longer->had_at), longer->had_at, longer->had))
		return true;
	runs_insert(longer->fresh_at, n, backend, RUN_RETURNED);
	return false;
}

/**
 * runs_before - the blocks without memory at the end of what is mapped
 * @backend: their backend
 * @end: behind the last of them
 * @room: out: free pages at the end of the block before them, may be 0
 *
 * Return: how many, may be 0.
 */
size_t runs_before(enum backend_id backend, uintptr_t end, unsigned int *room)
{
	const struct block *b = block_at(end - BLOCK_SIZE);
	size_t n = 0;

	if (is_run_end(b, backend, RUN_RETURNED, 0)) {
		n = b->run;
		b = block_at(end - (n + 1) * BLOCK_SIZE);
	}
	*room = block_room(b, backend);
	return n;
}

/**
 * runs_find_behind - find blocks behind a block that has room at its end
 * @npages: pages that the room and the blocks must have, more than a block's
 * @room: out: pages of the room, at least 1
 *
 * Of any kind and backend.
 *
 * Return: the first of the blocks, which begins a run and stays in it; NULL if
 * there are none.
 */
struct block *runs_find_behind(size_t npages, unsigned int *room)
{
	struct runs *r = &ph.runs[0][0], *end = r + RUN_KINDS * BACKEND_NR;
	unsigned int i, tries = 0;
	struct block *head;

	for (; r < end; r++)
		for (i = bucket_of(npages / BLOCK_PAGES); i < RUN_BUCKETS; i++)
			for (head = run_list(r)[i]; head; head = head->next) {
				if (tries++ == TRIES)
					return NULL;
				*room = room_before(head);
				if (*room && *room + head->run * BLOCK_PAGES >= npages)
					return head;
			}
	return NULL;
}

/**
 * runs_take_at - take blocks at an address, if they are free
 * @start: first byte, where a free run must begin
 * @blocks: how many in a row
 * @backend: in: the backend that they must be of
 * @kind: out: their kind
 *
 * Return: false with nothing changed if they are not all free and of a kind.
 */
bool runs_take_at(uintptr_t start, size_t blocks, enum backend_id *backend,
		  enum run_kind *kind)
{
	struct block *head = block_at(start);

	if (!head || head->state != BLOCK_FREE || head->backend != *backend ||
	    head->run < blocks)
		return false;
	*kind = head->kind;
	return run_cut(head, start, blocks);
}

/**
 * runs_insert_unused - let a block without used pages join the free runs
 * @b: a PART block; nothing is done if pages of it are in use
 *
 * It does if all of its memory is of one kind.  A block of 4 KiB pages stays
 * apart until they are given back; if the kernel has refused that, all of the
 * block counts as having memory from here on.  In a small heap, where other
 * blocks are rare, it joins if each page of it has memory: spans of a block or
 * more use nothing else.
 */
void runs_insert_unused(struct block *b)
{
	enum run_kind kind = b->whole ? RUN_WHOLE :
			     b->nidle ? RUN_PAGES : RUN_RETURNED;

	if (b->nused || b->joining)
		return;
	if (kind == RUN_PAGES && !b->stuck &&
	    (ph.whole || b->nidle < BLOCK_PAGES))
		return;
	block_paid(b);
	block_detach(b);
	ph.idle -= b->nidle;
	runs_insert(b->start, 1, b->backend, kind);
}
