// SPDX-License-Identifier: GPL-2.0-only
/*
 * kept.c: objects that stay on the heap, because something speaks against moving
 * them, or because they escape.  main() checks that each still works: a wrong
 * promotion shows as a wrong sum, or to the address sanitizer.
 */
#include <alloca.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
	struct node *next;
	int value;
};

static struct node *global;
static uintptr_t number;
static unsigned char bytes[sizeof(void *)];
static jmp_buf env;
static volatile int zero;

/* A list that outlives the turns of its loop. */
static int list(int n)
{
	struct node *head = NULL, *p;
	unsigned int sum = 0;

	for (int i = 0; i < n; i++) {
		p = malloc(sizeof(*p));	/*: kept loop */
		p->next = head;
		p->value = i;
		head = p;
	}
	while (head) {
		p = head->next;
		sum = sum * 3 + head->value;
		free(head);
		head = p;
	}
	return sum;
}

/* free(p) does nothing in every second turn, where p is NULL and q is kept. */
static int not_each_turn(int n)
{
	struct node *old = NULL;
	unsigned int sum = 0;

	for (int i = 0; i < n; i++) {
		struct node *q = malloc(sizeof(*q)); /*: kept loop */
		struct node *p = NULL;

		q->value = i;
		q->next = old;
		if (i & 1)
			p = q;
		else
			old = q;
		free(p);
	}
	while (old) {
		struct node *next = old->next;

		sum = sum * 5 + old->value;
		free(old);
		old = next;
	}
	return sum;
}

static int by_goto(int n)
{
	struct node *last = NULL, *p;
	unsigned int sum = 0;

again:
	p = malloc(sizeof(*p));	/*: kept loop */
	p->value = n;
	if (last) {
		sum += last->value * p->value;
		free(last);
	}
	last = p;
	if (n-- > 0)
		goto again;
	free(last);
	return sum;
}

static int one_of_two(int n)
{
	char small[16], *p = small;
	int r;

	if (n > 16)
		p = malloc(64);		/*: kept */
	memset(p, n, 16);
	r = p[3];
	if (p != small)
		free(p);
	return r;
}

static int free_either(int n, char *other)
{
	char *p = malloc(16), *q = n & 1 ? p : other; /*: kept something */
	int r;

	memset(p, n, 16);
	r = p[3];
	free(q);
	if (n & 1)
		free(other);
	return r;
}

static int moved_on(void)
{
	char *p = malloc(16);		/*: kept realloc */
	int r;

	strcpy(p, "abc");
	p = realloc(p, 4096);
	r = strlen(p);
	free(p);
	return r;
}

static int jumps(int n)
{
	struct node *p = malloc(sizeof(*p)); /*: kept twice */
	int r;

	p->value = n;
	if (!setjmp(env) && zero)
		longjmp(env, 1);
	r = p->value;
	free(p);
	return r;
}

static int with_alloca(int n)
{
	struct node *p = malloc(sizeof(*p)); /*: kept alloca */
	char *a = alloca(n + 1);
	int r;

	p->value = n;
	a[n] = n;
	r = a[n] + p->value;
	free(p);
	return r;
}

static int with_array(int n)
{
	struct node *p = malloc(sizeof(*p)); /*: kept array */
	int a[n + 1];
	int r;

	p->value = n;
	a[n] = n;
	r = a[n] + p->value;
	free(p);
	return r;
}

static int assembly(int n)
{
	struct node *p = malloc(sizeof(*p)); /*: kept assembly */
	int r;

	__asm__ volatile("" : : "r"(p) : "memory");
	p->value = n;
	r = p->value;
	free(p);
	return r;
}

static int recursive(int n)
{
	struct node *p = malloc(sizeof(*p)); /*: kept itself */
	int r;

	p->value = n;
	r = n ? recursive(n - 1) + p->value : 0;
	free(p);
	return r;
}

static inline int inlined(int n)
{
	struct node *p = malloc(sizeof(*p)); /*: kept inline */
	int r;

	p->value = n;
	r = p->value;
	free(p);
	return r;
}

static int large(void)
{
	char *p = malloc(100000);	/*: kept bytes */
	int r;

	memset(p, 1, 100000);
	r = p[99999];
	free(p);
	return r;
}

static int any_size(size_t n)
{
	char *p = malloc(n + 1);	/*: kept size */
	int r;

	memset(p, 1, n + 1);
	r = p[n];
	free(p);
	return r;
}

static int compared(int n)
{
	struct node *p = malloc(sizeof(*p)); /*: kept looked */
	int r = p == global;

	p->value = n;
	r += p->value;
	free(p);
	return r;
}

static int printed(char *to)
{
	struct node *p = malloc(sizeof(*p)); /*: kept looked */
	int r = snprintf(to, 32, "%p", (void *)p);

	free(p);
	return r > 0;
}

static int hashed(int n)
{
	struct node *p = malloc(sizeof(*p)); /*: kept looked */
	int r = (int)((uintptr_t)p % 16) + n;

	free(p);
	return r;
}

struct holder {
	struct holder *next;
	struct node *node;
};

static struct holder *two_holders(void)
{
	struct holder *head = NULL, *p;

	for (int i = 0; i < 2; i++) {
		p = malloc(sizeof(*p));	/*: kept */
		p->next = head;
		p->node = NULL;
		head = p;
	}
	return head;
}

/* In what hangs on a new object, which is returned. */
static struct holder *behind_new(int n)
{
	struct holder *h = two_holders();
	struct node *p = malloc(sizeof(*p)); /*: kept */

	p->value = n;
	p->next = NULL;
	h->next->node = p;
	return h;
}

static int behind(int n)
{
	struct holder *h = behind_new(n);
	int r = h->next->node->value;

	free(h->next->node);
	free(h->next);
	free(h);
	return r;
}

static void as_number(int n)
{
	struct node *p = malloc(sizeof(*p)); /*: kept */

	p->value = n;
	number = (uintptr_t)p ^ 1;
}

static void as_bytes(int n)
{
	struct node *p = malloc(sizeof(*p)); /*: kept */
	const unsigned char *from = (const unsigned char *)&p;

	p->value = n;
	for (size_t i = 0; i < sizeof(p); i++)
		bytes[i] = from[i];
}

static int given_back(void)
{
	struct node *p;
	int r;

	p = (struct node *)(number ^ 1);
	r = p->value;
	free(p);
	memcpy(&p, bytes, sizeof(p));
	r += p->value;
	free(p);
	return r;
}

static void by_varargs(int n, ...)
{
	va_list ap;

	va_start(ap, n);
	global = va_arg(ap, struct node *);
	va_end(ap);
}

static int varargs(int n)
{
	struct node *p = malloc(sizeof(*p)); /*: kept */
	int r;

	p->value = n;
	by_varargs(1, p);
	r = global->value;
	free(p);
	global = NULL;
	return r;
}

static void *thread(void *arg)
{
	((struct node *)arg)->value++;
	return arg;
}

static int threaded(int n)
{
	struct node *p = malloc(sizeof(*p)); /*: kept */
	pthread_t t;
	int r;

	p->value = n;
	if (pthread_create(&t, NULL, thread, p) == 0)
		pthread_join(t, NULL);
	r = p->value;
	free(p);
	return r;
}

static int computed(int n)
{
	static void * const labels[] = { &&first, &&second };
	struct node *p = NULL;
	int r = 0;

first:
	p = malloc(sizeof(*p));		/*: kept */
	p->value = n;
	r += p->value;
	free(p);
	goto *labels[r < 100 ? zero : 1];
second:
	return r;
}

static struct node by_value(int n)
{
	struct node *p = malloc(sizeof(*p)); /*: kept */
	struct node r = { p, n };

	p->value = n;
	return r;
}

static void drop(struct node *p)
{
	free(p);
}

static int dropped(int n)
{
	struct node *p = malloc(sizeof(*p)); /*: kept drop */
	int r;

	p->value = n;
	r = p->value;
	drop(p);
	return r;
}

int main(void)
{
	char text[32];
	struct node v;
	unsigned int sum = 0;

	for (int i = 1; i < 30; i++) {
		sum = sum * 7 + list(i) + not_each_turn(i) + by_goto(i);
		sum ^= one_of_two(i) + moved_on() + jumps(i) + with_alloca(i);
		sum += with_array(i) + assembly(i) + recursive(i) + inlined(i);
		sum ^= large() + any_size(i) + compared(i) + printed(text);
		sum += behind(i) + free_either(i, malloc(7));
		as_number(i);
		as_bytes(i);
		sum += hashed(i) + given_back() + varargs(i) + threaded(i);
		v = by_value(i);
		sum += v.next->value + computed(i) + dropped(i);
		free(v.next);
		printf("%u\n", sum);
	}
	return 0;
}
