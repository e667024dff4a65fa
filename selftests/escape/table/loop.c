// SPDX-License-Identifier: GPL-2.0-only
/* loop.c: loops, gotos, arrays, lists, callbacks. */
#include "table.h"

extern int more(void);

/*
 * Go moves what outlives an iteration to the heap.  Here that is a matter of
 * promotion, which refuses it; it does not escape from the function.
 */
int loop_outlives(void)
{
	int *z = NULL;

	while (more())
		z = NEW(int);	/*: heap, here stays */
	return z ? *z : 0;
}

void loop_inside(void)
{
	while (more()) {
		int *z = NEW(int); /*: stays */

		*z = 1;
	}
}

void loop_by_goto(void)
{
	int *i;

again:
	i = NEW(int);		/*: heap, here stays */
	*i = 1;
	if (more())
		goto again;
}

void goto_forward(void)
{
	int *i;

	goto out;
out:
	i = NEW(int);		/*: stays */
	*i = 1;
}

void array_of_one(void)
{
	int *y[1];

	y[0] = NEW(int);	/*: stays */
	*y[0] = 1;
}

struct ten {
	int *y[10];
};

struct ten array_result(void)
{
	struct ten t = { 0 };

	t.y[0] = NEW(int);	/*: heap */
	return t;
}

void array_in_loop(void)
{
	int *y[10];

	for (int i = 0; i < 10; i++)
		y[i] = NEW(int); /*: heap, here stays */
	*y[0] = 1;
}

void slice_param(int **s)	/*: s keeps */
{
	s[0] = NEW(int);	/*: heap */
}

int slice_kept(void)
{
	int **s = calloc(10, sizeof(*s)); /*: stays */

	s[0] = NEW(int);	/*: heap, here stays */
	return *s[0];
}

int *slice_element(void)
{
	int **s = calloc(10, sizeof(*s)); /*: stays */

	s[0] = NEW(int);	/*: heap */
	return s[0];
}

int **slice_result(void)
{
	int **s = calloc(10, sizeof(*s)); /*: heap */

	s[0] = NEW(int);	/*: heap */
	return s;
}

int slice_of_size(size_t n)
{
	int *s = calloc(n, sizeof(*s)); /*: stays */

	return s[0];
}

struct list {
	struct list *next;
	int value;
};

/* What Go cannot see: a list that is built and taken apart. */
int list_local(int n)
{
	struct list *head = NULL, *p;
	int sum = 0;

	while (n--) {
		p = NEW(struct list);	/*: heap, here stays */
		p->next = head;
		p->value = n;
		head = p;
	}
	while (head) {
		p = head->next;
		sum += head->value;
		free(head);
		head = p;
	}
	return sum;
}

static struct list *list_push(struct list *head, int v) /*: head leaks, here head stored */
{
	struct list *p = NEW(struct list); /*: heap */

	p->next = head;
	p->value = v;
	return p;
}

static void list_free(struct list *l) /*: l keeps */
{
	while (l) {
		struct list *n = l->next;

		free(l);
		l = n;
	}
}

int list_by_helpers(int n)
{
	struct list *head = NULL, *p;
	int sum = 0;

	while (n--)
		head = list_push(head, n);
	for (p = head; p; p = p->next)
		sum += p->value;
	list_free(head);
	return sum;
}

void list_lost(int n)
{
	struct list *head = NULL, *p;

	while (n--) {
		p = NEW(struct list);	/*: heap */
		p->next = head;
		head = p;
	}
	sink = head;
}

/* A closure is a function and the data it works on. */
struct closure {
	int (*f)(struct closure *c);
	int *x;
};

static int body(struct closure *c) /*: c keeps */
{
	return ++*c->x;
}

struct closure *closure_result(void)
{
	struct closure *c = NEW(struct closure); /*: heap */

	c->f = body;
	c->x = NEW(int);	/*: heap */
	return c;
}

int closure_direct(void)
{
	struct closure *c = NEW(struct closure); /*: stays */

	c->x = NEW(int);	/*: heap, here stays */
	return body(c);
}

int closure_called(void)
{
	struct closure *c = NEW(struct closure); /*: stays, here heap */

	c->f = body;
	c->x = NEW(int);	/*: stays, here heap */
	return c->f(c);
}

extern int **slots;

/* Where the store goes is known only at the end of the turn before. */
void by_back_edge(int n)
{
	int *mine = NULL, **to = &mine;
	int *i = NEW(int);	/*: heap */

	while (n--) {
		*to = i;
		to = slots++;
	}
}

/* Memory whose readers gcc does not see. */
void by_assembly(void)
{
	int *p = NEW(int);	/*: heap */

	__asm__ volatile("" : : "r"(p) : "memory");
}

void *volatile slot;

void by_volatile(void)
{
	slot = NEW(int);	/*: heap */
}

/* What the C library does is known. */
size_t by_library(const char *s) /*: s keeps */
{
	char *c = strdup(s);	/*: stays */
	size_t n = strlen(c);

	free(c);
	return n;
}

char *by_library_result(const char *s) /*: s keeps */
{
	return strdup(s);	/*: heap */
}

char *by_library_part(void)
{
	char *c = NEW(char);	/*: heap */

	return strchr(c, 'x');
}

/*
 * A fence has no argument; a counter is an argument that is read and written.
 */
long by_atomics(void)
{
	long *n = NEW(long);	/*: stays */

	__sync_synchronize();
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
	return 0;
}

struct part {
	const char *at;
	size_t n;
};

/* The length that memcpy() is given leads nowhere. */
void by_library_length(struct part *t)	/*: t keeps */
{
	char *c = malloc(64);	/*: stays */

	memcpy(c, t->at, t->n);
	free(c);
}

extern int putenv(char *s);

void by_environment(void)
{
	char *c = malloc(4);	/*: heap */

	strcpy(c, "A=B");
	putenv(c);
}
