// SPDX-License-Identifier: GPL-2.0-only
/*
 * moved.c: objects that are moved to the stack, each in a way of its own.  A line
 * that makes one says so: moved, or kept and a word of the reason.  main() prints
 * what came of it; moved or not, that is the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
	struct node *next;
	int value;
	char text[20];
};

static int plain(int x)
{
	struct node *n = malloc(sizeof(*n)); /*: moved */
	int r;

	if (!n)
		return -1;
	n->value = x;
	r = n->value + 1;
	free(n);
	return r;
}

static int early(int x)
{
	int *p = malloc(sizeof(*p)); /*: moved */

	if (!p)
		return -1;
	*p = x;
	if (x > 3) {
		free(p);
		return 3;
	}
	x = *p * 2;
	free(p);
	return x;
}

/* Zeroed in each turn, although the last one left something in it. */
static int zeroed(int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++) {
		int *p = calloc(4, sizeof(*p)); /*: moved */

		if (!p)
			continue;
		sum += p[0] + p[3] + 1;
		p[0] = 1000;
		p[3] = 1000;
		if (i % 3 == 1) {
			free(p);
			continue;
		}
		free(p);
	}
	return sum;
}

static int two(int x)
{
	struct node *a = malloc(sizeof(*a)); /*: moved */
	struct node *b = malloc(sizeof(*b)); /*: moved */
	int r;

	a->next = b;
	b->next = a;
	a->value = x;
	b->value = x + 1;
	r = a->next->value * b->next->value;
	free(b);
	free(a);
	return r;
}

static int bounded(unsigned char n)
{
	char *s = malloc(n + 1);	/*: moved */
	int r;

	memset(s, 'x', n);
	s[n] = 0;
	r = strlen(s);
	free(s);
	return r;
}

static int masked(int n)
{
	int *s = malloc(((n & 15) + 1) * sizeof(*s)); /*: moved */
	int sum = 0;

	for (int i = 0; i <= (n & 15); i++)
		s[i] = i;
	for (int i = 0; i <= (n & 15); i++)
		sum += s[i];
	free(s);
	return sum;
}

static int use(const struct node *n)
{
	int sum = 0;

	for (; n; n = n->next)
		sum += n->value;
	return sum;
}

static int helper(int x)
{
	struct node *n = calloc(1, sizeof(*n)); /*: moved */
	int r;

	n->value = x;
	snprintf(n->text, sizeof(n->text), "%d", x);
	printf("%s ", n->text);
	r = use(n) + atoi(n->text);
	free(n);
	return r;
}

static void freer(void *p)
{
	free(*(void **)p);
}

static int cleanup(int x)
{
	__attribute__((cleanup(freer))) int *p = malloc(sizeof(*p)); /*: kept freer */

	*p = x;
	return *p + 1;
}

/* By way of a field: the pointer that is freed is another, and the object one. */
static int by_field(int x)
{
	struct node holder;
	struct node *n = malloc(sizeof(*n)); /*: moved */
	int r;

	holder.next = n;
	holder.next->value = x;
	r = n->value;
	free(holder.next);
	return r;
}

static int never_freed(int x)
{
	int *p = malloc(sizeof(*p)); /*: moved */

	*p = x;
	return *p;
}

static int walk(void)
{
	char *s = malloc(64), *p;	/*: moved */
	int n = 0;

	strcpy(s, "a b c d");
	for (p = s; p < s + 7; p++)
		n += *p == ' ';
	n += strchr(s, 'c') - s;
	free(s);
	return n;
}

int main(void)
{
	unsigned int sum = 0;

	for (int i = 0; i < 40; i++) {
		sum = sum * 3 + plain(i) + early(i) + zeroed(i) + two(i);
		sum ^= bounded(i) + masked(i) + helper(i) + cleanup(i);
		sum += by_field(i) + never_freed(i) + walk();
		printf("%u\n", sum);
	}
	return 0;
}
