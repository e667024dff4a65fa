// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * heap_tree: the free blocks of a heap of boundary tags.
 *
 * A treap: in order of addresses, or of sizes and then addresses (BEST), and at the
 * same time a heap of priorities, which are a hash of the address.  Each node knows
 * the largest size of its subtree.  Functions take the link to a subtree and
 * recurse to its depth, which is O(log n) expected.
 *
 * Guarded by the heap's lock.  Called by heap_fit.
 */
#include "heap_tree.h"

/*
 * splitmix64's: one multiplication would give blocks at some distances, 46368
 * bytes for one, priorities in the order of their addresses, and the tree would be
 * a list.
 */
static uint64_t prio(int64_t off)
{
	uint64_t x = (uint64_t)off;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static bool by_size(const struct shim_heap *heap)
{
	return (heap->flags & SHIM_HEAP_POLICY) == SHIM_HEAP_BEST;
}

static bool less(struct shim_heap *heap, int64_t a, int64_t b)
{
	if (by_size(heap)) {
		uint32_t x = size_of(tag_at(&heap->fit, a));
		uint32_t y = size_of(tag_at(&heap->fit, b));

		if (x != y)
			return x < y;
	}
	return a < b;
}

static uint32_t max_of(struct fit *f, int64_t off)
{
	return off ? node_at(f, off)->max : 0;
}

static void fix(struct fit *f, int64_t off)
{
	struct node *n = node_at(f, off);
	uint32_t m = size_of(tag_at(f, off));

	if (max_of(f, n->left) > m)
		m = max_of(f, n->left);
	if (max_of(f, n->right) > m)
		m = max_of(f, n->right);
	n->max = m;
}

/* Split @t into the nodes less than @key and the others. */
static void split(struct shim_heap *heap, int64_t t, int64_t key, int64_t *low,
		  int64_t *high)
{
	struct fit *f = &heap->fit;

	if (!t) {
		*low = 0;
		*high = 0;
	} else if (less(heap, t, key)) {
		split(heap, node_at(f, t)->right, key, &node_at(f, t)->right,
		      high);
		*low = t;
		fix(f, t);
	} else {
		split(heap, node_at(f, t)->left, key, low,
		      &node_at(f, t)->left);
		*high = t;
		fix(f, t);
	}
}

static int64_t merge(struct fit *f, int64_t low, int64_t high)
{
	if (!low || !high)
		return low ? low : high;
	if (prio(low) > prio(high)) {
		node_at(f, low)->right = merge(f, node_at(f, low)->right, high);
		fix(f, low);
		return low;
	}
	node_at(f, high)->left = merge(f, low, node_at(f, high)->left);
	fix(f, high);
	return high;
}

static void insert(struct shim_heap *heap, int64_t *t, int64_t off)
{
	struct fit *f = &heap->fit;
	struct node *n = node_at(f, off);

	if (*t && prio(*t) >= prio(off)) {
		insert(heap, less(heap, off, *t) ? &node_at(f, *t)->left :
						   &node_at(f, *t)->right, off);
		fix(f, *t);
		return;
	}
	if (*t) {
		split(heap, *t, off, &n->left, &n->right);
	} else {
		n->left = 0;
		n->right = 0;
	}
	*t = off;
	fix(f, off);
}

static void remove(struct shim_heap *heap, int64_t *t, int64_t off)
{
	struct fit *f = &heap->fit;

	if (*t == off) {
		*t = merge(f, node_at(f, off)->left, node_at(f, off)->right);
		return;
	}
	remove(heap, less(heap, off, *t) ? &node_at(f, *t)->left :
					   &node_at(f, *t)->right, off);
	fix(f, *t);
}

/* The lowest block from @from on with @need units. */
static int64_t find_first(struct shim_heap *heap, int64_t t, int64_t from,
			  uint32_t need)
{
	struct fit *f = &heap->fit;
	int64_t found;

	while (t && max_of(f, t) >= need) {
		struct node *n = node_at(f, t);

		heap->steps++;
		if (t < from) {
			t = n->right;
			continue;
		}
		if (max_of(f, n->left) >= need) {
			found = find_first(heap, n->left, from, need);
			if (found)
				return found;
		}
		if (size_of(tag_at(f, t)) >= need)
			return t;
		t = n->right;
	}
	return 0;
}

/* The smallest block with @need units, of these the lowest. */
static int64_t find_best(struct shim_heap *heap, uint32_t need)
{
	struct fit *f = &heap->fit;
	int64_t t = f->root, found = 0;

	while (t) {
		heap->steps++;
		if (size_of(tag_at(f, t)) >= need) {
			found = t;
			t = node_at(f, t)->left;
		} else {
			t = node_at(f, t)->right;
		}
	}
	return found;
}

int64_t tree_find(struct shim_heap *heap, uint32_t need)
{
	struct fit *f = &heap->fit;
	int64_t t;

	switch (heap->flags & SHIM_HEAP_POLICY) {
	case SHIM_HEAP_BEST:
		return find_best(heap, need);
	case SHIM_HEAP_NEXT:
		t = find_first(heap, f->root, f->cursor, need);
		if (t)
			return t;
		break;
	}
	return find_first(heap, f->root, INT64_MIN, need);
}

void tree_insert(struct shim_heap *heap, int64_t off)
{
	insert(heap, &heap->fit.root, off);
}

void tree_remove(struct shim_heap *heap, int64_t off)
{
	remove(heap, &heap->fit.root, off);
}

struct check {
	size_t nfree;
	int64_t last;
	uint32_t last_size;
};

/* Is the tree in order, a heap of priorities, and are its sums right? */
static bool subtree_is_valid(struct shim_heap *heap, int64_t t, struct check *c)
{
	struct fit *f = &heap->fit;
	struct node *n;
	uint32_t size, max;

	if (!t)
		return true;
	n = node_at(f, t);
	size = tag_at(f, t)->size;
	max = size;
	if (size & USED || (n->left && prio(n->left) > prio(t)) ||
	    (n->right && prio(n->right) > prio(t)))
		return false;
	if (max_of(f, n->left) > max)
		max = max_of(f, n->left);
	if (max_of(f, n->right) > max)
		max = max_of(f, n->right);
	if (max != n->max || !subtree_is_valid(heap, n->left, c))
		return false;
	if (c->nfree++) {
		if (by_size(heap) && size != c->last_size)
			max = size < c->last_size;
		else
			max = t < c->last;
		if (max)
			return false;
	}
	c->last = t;
	c->last_size = size;
	return subtree_is_valid(heap, n->right, c);
}

bool tree_is_valid(struct shim_heap *heap, size_t *nfree)
{
	struct check c = { 0 };
	bool good = subtree_is_valid(heap, heap->fit.root, &c);

	*nfree = c.nfree;
	return good;
}
