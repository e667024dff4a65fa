// SPDX-License-Identifier: GPL-2.0-only
/*
 * requests.c: documents become trees of nodes and names from malloc(), a query goes
 * over each tree, its answer is a text, and all is freed: what --shim-regions is for.
 * The region is at hand as in a server, and emptied after each request.
 *
 * Usage: requests DOCUMENTS
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim_region.h"

struct node {
	struct node *next;
	struct node *child;
	char *name;
	long value;
};

static size_t skip(const char *text, size_t at)
{
	while (isspace((unsigned char)text[at]) || text[at] == ',' || text[at] == ':')
		at++;
	return at;
}

static void node_free(struct node *n)
{
	struct node *next;

	for (; n; n = next) {
		next = n->next;
		node_free(n->child);
		free(n->name);
		free(n);
	}
}

/*
 * NAME? ( NUMBER | [ NODE... ] | { NODE... } ), from a byte on, which is moved behind
 * it; NULL: no memory, or no such text
 */
static struct node *node_parse(struct shim_region *r, const char *text, size_t *at)
{
	struct node *n = calloc(1, sizeof(*n)), **last;
	size_t start;
	char *end;

	if (!n)
		return NULL;
	*at = skip(text, *at);
	if (text[*at] == '"') {
		start = ++*at;
		*at += strcspn(text + start, "\"");
		n->name = malloc(*at - start + 1);
		if (!n->name)
			goto fail;
		strncpy(n->name, text + start, *at - start);
		n->name[*at - start] = 0;
		*at += text[*at] == '"';
		*at = skip(text, *at);
	}
	if (text[*at] != '[' && text[*at] != '{') {
		n->value = strtol(text + *at, &end, 10);
		if (end == text + *at)
			goto fail;
		*at = end - text;
		return n;
	}
	last = &n->child;
	*at = skip(text, *at + 1);
	while (text[*at] && text[*at] != ']' && text[*at] != '}') {
		*last = node_parse(r, text, at);
		if (!*last)
			goto fail;
		last = &(*last)->next;
		*at = skip(text, *at);
	}
	*at += text[*at] != 0;
	return n;
fail:
	node_free(n);
	return NULL;
}

static long query(const struct node *n, const char *name)
{
	long sum = 0;

	for (; n; n = n->next) {
		if (n->name && !strcmp(n->name, name))
			sum += n->value;
		sum += query(n->child, name);
	}
	return sum;
}

static long request(struct shim_region *r, const char *document)
{
	size_t at = 0;
	struct node *root = node_parse(r, document, &at);
	char *answer;
	long sum;

	if (!root)
		exit(1);
	answer = malloc(64);
	if (!answer)
		exit(1);
	snprintf(answer, 64, "price %ld, weight %ld", query(root, "price"),
		 query(root, "weight"));
	sum = strtol(answer + 6, NULL, 10);
	free(answer);
	node_free(root);
	return sum;
}

int main(int argc, char **argv)
{
	static const char document[] =
		"{ \"order\": 17, \"lines\": ["
		" { \"item\": 3, \"price\": 250, \"weight\": 9 },"
		" { \"item\": 14, \"price\": 1999, \"weight\": 450 },"
		" { \"item\": 15, \"price\": 70, \"weight\": 2 },"
		" { \"item\": 92, \"price\": 6400, \"weight\": 1200 } ],"
		" \"address\": { \"street\": 11, \"town\": 4711 } }";
	struct shim_region *r = shim_region_new(0, 0);
	long nr = argc > 1 ? strtol(argv[1], NULL, 10) : 1, sum = 0;

	if (!r)
		return 1;
	for (long i = 0; i < nr; i++) {
		sum += request(r, document);
		shim_region_reset(r);
	}
	shim_region_free(r);
	printf("%ld\n", sum);
	return 0;
}
