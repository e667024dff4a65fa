// SPDX-License-Identifier: GPL-2.0-only
/*
 * data: the data structures that programs are made of.
 *
 * Here the allocator is also judged by where it puts things: walking what was
 * built costs cache and TLB misses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

struct data_node {
	struct data_node *left, *right;
	uint64_t value;
};

static struct data_node *data_tree_new(unsigned int depth, uint64_t value)
{
	struct data_node *node = malloc(sizeof(*node));

	work_check(!!node, "no memory");
	node->value = value;
	node->left = depth ? data_tree_new(depth - 1, 2 * value) : NULL;
	node->right = depth ? data_tree_new(depth - 1, 2 * value + 1) : NULL;
	return node;
}

static uint64_t data_tree_free(struct data_node *node)
{
	uint64_t sum;

	if (!node)
		return 0;
	sum = node->value + data_tree_free(node->left) +
	      data_tree_free(node->right);
	free(node);
	return sum;
}

#define DATA_TREE_LONG	17	/* depth of a tree that lives throughout */
#define DATA_TREE_SHORT	10

static uint64_t data_trees(const struct work_env *env)
{
	uint64_t count = work_count(env, 9000), sum = 0, i;
	struct data_node *lasting = data_tree_new(DATA_TREE_LONG, 1);

	for (i = 0; i < count; i++)
		sum += data_tree_free(data_tree_new(DATA_TREE_SHORT, i));
	return sum + data_tree_free(lasting);
}

#define DATA_LISTS	64
#define DATA_LIST	8000	/* nodes of one list */

struct data_link {
	struct data_link *next;
	uint64_t value;
	char text[];
};

/*
 * Lists built side by side, with other objects in between, then walked: nodes
 * that were placed well are walked quickly.
 */
static uint64_t data_lists(const struct work_env *env)
{
	uint64_t rounds = work_count(env, 1), walks, sum = 0, i, k;
	struct data_link *head[DATA_LISTS], *link;
	static void *between[DATA_LISTS];
	struct work_rand r;
	size_t size;

	work_rand_init(&r, 60);
	for (i = 0; i < rounds; i++) {
		memset(head, 0, sizeof(head));
		for (k = 0; k < DATA_LISTS * DATA_LIST; k++) {
			size = sizeof(*link) + 8 * work_rand_below(&r, 6);
			link = work_alloc(size, 0);
			link->next = head[k % DATA_LISTS];
			link->value = k;
			head[k % DATA_LISTS] = link;
			free(between[k % DATA_LISTS]);
			between[k % DATA_LISTS] =
				work_alloc(work_rand_size(&r, 4, 8), k);
		}
		for (walks = 0; walks < 4; walks++)
			for (k = 0; k < DATA_LISTS; k++)
				for (link = head[k]; link; link = link->next)
					sum += link->value;
		for (k = 0; k < DATA_LISTS; k++) {
			while (head[k]) {
				link = head[k];
				head[k] = link->next;
				free(link);
			}
			free(between[k]);
			between[k] = NULL;
		}
	}
	return sum;
}

struct data_entry {
	struct data_entry *next;
	char *key;
	uint64_t count;
};

struct data_hash {
	struct data_entry **bucket;
	size_t buckets, n;
};

static uint64_t data_hash_of(const char *key)
{
	uint64_t h = 1469598103934665603ULL;

	while (*key)
		h = (h ^ (unsigned char)*key++) * 1099511628211ULL;
	return h ^ h >> 29;
}

static void data_hash_grow(struct data_hash *hash)
{
	size_t buckets = hash->buckets ? 2 * hash->buckets : 64, i, at;
	struct data_entry **bucket = calloc(buckets, sizeof(*bucket));
	struct data_entry *entry;

	work_check(!!bucket, "no memory");
	for (i = 0; i < hash->buckets; i++) {
		while (hash->bucket[i]) {
			entry = hash->bucket[i];
			hash->bucket[i] = entry->next;
			at = data_hash_of(entry->key) & (buckets - 1);
			entry->next = bucket[at];
			bucket[at] = entry;
		}
	}
	free(hash->bucket);
	hash->bucket = bucket;
	hash->buckets = buckets;
}

static struct data_entry *data_hash_get(struct data_hash *hash,
					const char *key)
{
	struct data_entry *entry;
	size_t at;

	if (hash->n >= hash->buckets)
		data_hash_grow(hash);
	at = data_hash_of(key) & (hash->buckets - 1);
	for (entry = hash->bucket[at]; entry; entry = entry->next)
		if (!strcmp(entry->key, key))
			return entry;
	entry = calloc(1, sizeof(*entry));
	work_check(!!entry, "no memory");
	entry->key = strdup(key);
	work_check(!!entry->key, "no memory");
	entry->next = hash->bucket[at];
	hash->bucket[at] = entry;
	hash->n++;
	return entry;
}

static uint64_t data_hash_free(struct data_hash *hash)
{
	struct data_entry *entry;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < hash->buckets; i++) {
		while (hash->bucket[i]) {
			entry = hash->bucket[i];
			hash->bucket[i] = entry->next;
			sum += entry->count * (unsigned char)entry->key[0];
			free(entry->key);
			free(entry);
		}
	}
	free(hash->bucket);
	memset(hash, 0, sizeof(*hash));
	return sum;
}

/* Count the words of a text: many equal small strings, a growing table. */
static uint64_t data_words(const struct work_env *env)
{
	uint64_t count = work_count(env, 2000000), sum, i;
	struct data_hash hash = { NULL, 0, 0 };
	struct work_rand r;
	char word[64], *copy;

	work_rand_init(&r, 61);
	for (i = 0; i < count; i++) {
		/* the square makes small numbers more frequent, as words are */
		uint64_t k = work_rand_below(&r, 500);

		k = k * k * (1 + work_rand_below(&r, 2));
		snprintf(word, sizeof(word), "%.*s%llu", (int)(k % 23),
			 "abcdefghijklmnopqrstuvw", (unsigned long long)k);
		copy = strdup(word);
		work_check(!!copy, "no memory");
		data_hash_get(&hash, copy)->count++;
		free(copy);
	}
	sum = hash.n;
	return sum + data_hash_free(&hash);
}

#define DATA_STRINGS	4000

/* Strings cut, joined and thrown away, as a script does. */
static uint64_t data_strings(const struct work_env *env)
{
	uint64_t count = work_count(env, 2400000), sum = 0, i;
	static char *strings[DATA_STRINGS];
	char **a, *b, *joined;
	size_t a_len, b_len;
	struct work_rand r;

	work_rand_init(&r, 62);
	for (i = 0; i < DATA_STRINGS; i++) {
		strings[i] = strdup("seed");
		work_check(!!strings[i], "no memory");
	}
	for (i = 0; i < count; i++) {
		a = &strings[work_rand_below(&r, DATA_STRINGS)];
		b = strings[work_rand_below(&r, DATA_STRINGS)];
		a_len = strlen(*a);
		b_len = strlen(b);
		if (a_len + b_len > 400)
			a_len = 4;	/* cut it down again */
		joined = malloc(a_len + b_len + 1);
		work_check(!!joined, "no memory");
		memcpy(joined, *a, a_len);
		memcpy(joined + a_len, b, b_len + 1);
		sum += a_len + b_len;
		free(*a);
		*a = joined;
	}
	for (i = 0; i < DATA_STRINGS; i++)
		free(strings[i]);
	return sum;
}

/* A node of a document: an object, a name, a growing array of children. */
struct data_element {
	char *name;
	struct data_element **child;
	uint32_t children, room;
};

static struct data_element *data_element_new(struct work_rand *r, int depth)
{
	struct data_element *element = calloc(1, sizeof(*element));
	uint64_t n = depth ? 2 + work_rand_below(r, 9) : 0;
	char name[40];

	work_check(!!element, "no memory");
	snprintf(name, sizeof(name), "element-%llu",
		 (unsigned long long)work_rand_below(r, 1u << (3 * depth)));
	element->name = strdup(name);
	work_check(!!element->name, "no memory");
	while (element->children < n) {
		if (element->children == element->room) {
			element->room = element->room ? 2 * element->room : 2;
			element->child = realloc(element->child,
						 element->room *
						 sizeof(*element->child));
			work_check(!!element->child, "no memory");
		}
		element->child[element->children++] =
			data_element_new(r, depth - 1);
	}
	return element;
}

static uint64_t data_element_free(struct data_element *element)
{
	uint64_t sum = strlen(element->name);
	uint32_t i;

	for (i = 0; i < element->children; i++)
		sum += data_element_free(element->child[i]);
	free(element->child);
	free(element->name);
	free(element);
	return sum;
}

static uint64_t data_document(const struct work_env *env)
{
	uint64_t count = work_count(env, 280), sum = 0, i;
	struct work_rand r;

	work_rand_init(&r, 63);
	for (i = 0; i < count; i++)
		sum += data_element_free(data_element_new(&r, 5));
	return sum;
}

#define DATA_CACHE	(48 << 20)	/* bytes of values a cache may hold */
#define DATA_KEYS	60000

/*
 * A cache with a limit: values of 64 B to 8 KiB, the oldest evicted.  The
 * sizes drift, so that what is evicted seldom fits what comes.
 */
static uint64_t data_cache(const struct work_env *env)
{
	uint64_t count = work_count(env, 1200000), sum = 0, i, oldest = 0;
	static struct { void *value; size_t size; } ring[DATA_KEYS];
	struct work_rand r;
	size_t used = 0, size;

	work_rand_init(&r, 64);
	for (i = 0; i < count; i++) {
		size = work_rand_size(&r, 6, 11 + (i * 3 / count));
		while (used + size > DATA_CACHE || i - oldest == DATA_KEYS) {
			sum += work_tag(ring[oldest % DATA_KEYS].value);
			used -= ring[oldest % DATA_KEYS].size;
			free(ring[oldest % DATA_KEYS].value);
			oldest++;
		}
		ring[i % DATA_KEYS].value = work_alloc(size, i);
		ring[i % DATA_KEYS].size = size;
		used += size;
	}
	for (; oldest < count; oldest++)
		free(ring[oldest % DATA_KEYS].value);
	return sum;
}

const struct work work_data[] = {
	{ "trees", "small trees come and go beside a large one", data_trees },
	{ "lists", "64 lists built side by side, then walked", data_lists },
	{ "words", "a table of words and their counts", data_words },
	{ "strings", "strings joined, cut and dropped", data_strings },
	{ "document", "documents parsed into nodes and freed",
	  data_document },
	{ "cache", "a 48 MiB cache of values, oldest evicted", data_cache },
	{ NULL, NULL, NULL }
};
