// SPDX-License-Identifier: GPL-2.0-only
/*
 * own.c: mistakes with what is owned, each in its line with the rule that finds it,
 * and next to it the same done right, of which nothing may be said.
 */
#include <stdlib.h>
#include <string.h>

#include "shim_rc.h"

struct thing {
	shim_strong struct thing *child;
	struct thing *parent;
	int value;
};

shim_gives struct thing *thing_new(void);
void thing_free(shim_takes struct thing *t);
void thing_look(shim_borrows const struct thing *t);
void thing_keep(struct thing *t);
int cond(void);

struct thing *somewhere;

int used_after(void)
{
	struct thing *t = thing_new();

	if (!t)
		return -1;
	thing_free(t);
	return t->value;		/*: own-use-after */
}

int used_before(void)
{
	struct thing *t = thing_new();
	int v;

	if (!t)
		return -1;
	v = t->value;
	thing_free(t);
	return v;
}

void passed_after(void)
{
	struct thing *t = thing_new();

	thing_free(t);
	thing_look(t);			/*: own-use-after */
}

void stored_after(void)
{
	struct thing *t = thing_new();

	thing_free(t);
	somewhere = t;			/*: own-use-after */
}

void twice(void)
{
	struct thing *t = thing_new();

	thing_look(t);
	if (cond())
		thing_free(t);
	thing_free(t);			/*: own-twice */
}

/* The same condition twice: once on each path. */
void once(int c)
{
	struct thing *t = thing_new();

	thing_look(t);
	if (c)
		thing_free(t);
	if (!c)
		thing_free(t);
}

int leaks(int c)
{
	struct thing *t = thing_new();

	if (!t)
		return -1;
	if (c)
		return 1;		/*: own-leak */
	thing_free(t);
	return 0;
}

int leaks_not(int c)
{
	struct thing *t = thing_new();
	int r = 0;

	if (!t)
		return -1;
	if (c) {
		r = 1;
		goto out;
	}
	thing_look(t);
out:
	thing_free(t);
	return r;
}

void in_loop(int n)
{
	while (n--) {
		struct thing *t = thing_new();

		if (!t)
			continue;
		thing_look(t);
		thing_free(t);
	}
}

shim_gives struct thing *handed_on(void)
{
	struct thing *t = thing_new();

	if (t)
		t->value = 1;
	return t;
}

void stored(struct thing *parent)
{
	struct thing *t = thing_new();

	if (t)
		parent->child = t;
}

/* Whether it is kept there, nobody knows. */
void unmarked(void)
{
	struct thing *t = thing_new();

	thing_keep(t);
}

void no_reference(struct thing *parent, struct thing *child)
{
	parent->child = child;		/*: own-retain */
}

void reference(struct thing *parent, struct thing *child)
{
	parent->child = shim_rc_get(child);
}

void taken(struct thing *parent, shim_takes struct thing *child)
{
	parent->child = child;
}

void back_pointer(struct thing *parent, struct thing *child)
{
	child->parent = parent;
}

void borrowed(shim_borrows struct thing *t)
{
	thing_free(t);			/*: own-borrowed */
}

void taken_twice(shim_takes struct thing *t)
{
	thing_free(t);
	thing_free(t);			/*: own-twice */
}

static const struct shim_rc_type type = { .name = "thing", .size = 64 };

int counted(void)
{
	struct thing *a = shim_rc_new(&type), *b;

	if (!a)
		return -1;
	b = shim_rc_get(a);
	b->value = 1;
	shim_rc_put(b);
	a->value++;
	shim_rc_put(a);
	return 0;
}

int counted_short(void)
{
	struct thing *a = shim_rc_new(&type), *b;

	if (!a)
		return -1;
	b = shim_rc_get(a);
	b->value = 1;
	shim_rc_put(b);
	return 0;			/*: own-leak */
}

int counted_long(void)
{
	struct thing *a = shim_rc_new(&type);

	if (!a)
		return -1;
	shim_rc_put(a);
	shim_rc_put(a);			/*: own-twice */
	return 0;
}

/* The result of memcpy() is what it copied to. */
shim_gives char *duplicate(const char *s, size_t n)
{
	char *p = (char *)thing_new();

	return p ? memcpy(p, s, n) : NULL;
}

void in_turn(struct thing *from)
{
	struct thing *t = shim_rc_get(from), *next;

	while (t) {
		next = shim_rc_get(t->child);
		shim_rc_put(t);
		t = next;
	}
}
