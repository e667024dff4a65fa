// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * stat_ctl: shim_ctl().
 *
 * Called by the application.  Allocates nothing, so that it may be called from
 * a malloc hook, from a debugger, or when memory has run out.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "entry.h"
#include "base/error.h"
#include "shim.h"
#include "stat.h"

#define TEXT_MAX	4096

static int fail(int err)
{
	errno = err;
	return -1;
}

static int give(const void *value, size_t len, void *oldp, size_t *oldlenp,
		size_t unit)
{
	size_t room;

	if (!oldp && !oldlenp)
		return 0;
	if (!oldlenp)
		return fail(EINVAL);
	room = *oldlenp;
	*oldlenp = len;
	if (!oldp)
		return 0;
	if (unit == 1 && room < len)
		return fail(ENOMEM);
	if (unit != 1 && room != len)
		return fail(EINVAL);
	memcpy(oldp, value, len);
	return 0;
}

static int give_number(uint64_t n, void *oldp, size_t *oldlenp)
{
	return give(&n, sizeof(n), oldp, oldlenp, sizeof(n));
}

static int give_text(const char *text, void *oldp, size_t *oldlenp)
{
	return give(text, strlen(text) + 1, oldp, oldlenp, 1);
}

/* Settings and commands: what reads them, what writes them. */
enum knob_kind {
	KNOB_TEXT,	/* read only */
	KNOB_NUMBER,	/* read and write */
	KNOB_COMMAND,	/* write only */
};

enum knob_id {
	KNOB_VERSION, KNOB_NAMES, KNOB_BACKEND, KNOB_CONFIG,
	KNOB_LIMIT, KNOB_CACHE, KNOB_MESH, KNOB_MESH_STATE,
	KNOB_FLUSH, KNOB_IDLE, KNOB_PRINT, KNOB_TRIM,
};

struct knob {
	char name[14];
	uint8_t kind;
	uint8_t id;
};

static const struct knob knobs[] = {
	{ "version", KNOB_TEXT, KNOB_VERSION },
	{ "names", KNOB_TEXT, KNOB_NAMES },
	{ "backend", KNOB_TEXT, KNOB_BACKEND },
	{ "config", KNOB_TEXT, KNOB_CONFIG },
	{ "limit", KNOB_NUMBER, KNOB_LIMIT },
	{ "cache", KNOB_NUMBER, KNOB_CACHE },
	{ "mesh.enabled", KNOB_NUMBER, KNOB_MESH },
	{ "mesh.state", KNOB_TEXT, KNOB_MESH_STATE },
	{ "flush", KNOB_COMMAND, KNOB_FLUSH },
	{ "idle", KNOB_COMMAND, KNOB_IDLE },
	{ "print", KNOB_COMMAND, KNOB_PRINT },
	{ "trim", KNOB_COMMAND, KNOB_TRIM },
};

#define NR_KNOBS (sizeof(knobs) / sizeof(knobs[0]))

static void add_name(char *buf, size_t len, size_t *at, const char *name)
{
	size_t n = strlen(name);

	if (*at + n + 2 > len)
		return;
	memcpy(buf + *at, name, n);
	*at += n;
	buf[(*at)++] = '\n';
	buf[*at] = '\0';
}

static int give_names(void *oldp, size_t *oldlenp)
{
	char buf[TEXT_MAX];
	size_t at = 0;
	unsigned int i;

	for (i = 0; i < NR_KNOBS; i++)
		add_name(buf, sizeof(buf), &at, knobs[i].name);
	for (i = 0; stat_name(i); i++)
		add_name(buf, sizeof(buf), &at, stat_name(i));
	for (i = 0; stat_extra_name(i, NULL); i++)
		add_name(buf, sizeof(buf), &at, stat_extra_name(i, NULL));
	add_name(buf, sizeof(buf), &at, "class.<n>.size");
	add_name(buf, sizeof(buf), &at, "class.<n>.spans");
	add_name(buf, sizeof(buf), &at, "class.<n>.free");
	add_name(buf, sizeof(buf), &at, "class.<n>.transfer");
	add_name(buf, sizeof(buf), &at, "class.<n>.cached");
	return give_text(buf, oldp, oldlenp);
}

/* "on", "on: paced", "off", or "off: ..." with why it is not on. */
static int give_mesh_state(void *oldp, size_t *oldlenp)
{
	const char *why = central_mesh_why_not();
	char buf[128];

	switch (central_mesh_mode()) {
	case CENTRAL_MESH_PAID:
		return give_text("on", oldp, oldlenp);
	case CENTRAL_MESH_PACED:
		return give_text("on: paced", oldp, oldlenp);
	case CENTRAL_MESH_LATER:
		why = why ? why : "the heap is small";
		break;
	case CENTRAL_MESH_OFF:
		break;
	}
	if (!why)
		return give_text("off", oldp, oldlenp);
	snprintf(buf, sizeof(buf), "off: %s", why);
	return give_text(buf, oldp, oldlenp);
}

static int knob_read(const struct knob *k, void *oldp, size_t *oldlenp)
{
	struct pageheap_stat heap;
	char buf[TEXT_MAX];

	switch (k->id) {
	case KNOB_VERSION:
		return give_text(SHIM_VERSION, oldp, oldlenp);
	case KNOB_NAMES:
		return give_names(oldp, oldlenp);
	case KNOB_BACKEND:
		pageheap_get_stat(&heap);
		return give_text(heap.backend ? heap.backend : "none", oldp,
				 oldlenp);
	case KNOB_CONFIG:
		conf_print(buf, sizeof(buf));
		return give_text(buf, oldp, oldlenp);
	case KNOB_LIMIT:
		return give_number(shim_conf.limit, oldp, oldlenp);
	case KNOB_CACHE:
		return give_number(shim_conf.cache, oldp, oldlenp);
	case KNOB_MESH:
		return give_number(central_mesh_mode() >= CENTRAL_MESH_PACED,
				   oldp, oldlenp);
	case KNOB_MESH_STATE:
		return give_mesh_state(oldp, oldlenp);
	}
	return fail(EPERM);
}

static int knob_write(const struct knob *k, uint64_t n)
{
	switch (k->id) {
	case KNOB_LIMIT:
		shim_conf.limit = n;
		return 0;
	case KNOB_CACHE:
		shim_conf.cache = n;
		percpu_set_budget(n);
		return 0;
	case KNOB_FLUSH:
		percpu_flush();
		large_flush();
		return 0;
	case KNOB_IDLE:
		percpu_idle();
		return 0;
	case KNOB_PRINT:
		stat_print();
		return 0;
	case KNOB_MESH:
		if (n > 1)
			return fail(EINVAL);
		return central_mesh_enable(n ? CENTRAL_MESH_PAID :
					       CENTRAL_MESH_OFF) ?
			       fail(EOPNOTSUPP) : 0;
	case KNOB_TRIM:
		percpu_squeeze();
		central_mesh_all();
		large_reclaim(n);
		return 0;
	}
	return fail(EPERM);
}

static int knob_ctl(const struct knob *k, void *oldp, size_t *oldlenp,
		    const void *newp, size_t newlen)
{
	uint64_t n;

	if (newp && k->kind == KNOB_TEXT)
		return fail(EPERM);
	if ((oldp || oldlenp) && k->kind == KNOB_COMMAND)
		return fail(EPERM);
	if (newp && newlen != sizeof(n))
		return fail(EINVAL);
	if (k->kind != KNOB_COMMAND && knob_read(k, oldp, oldlenp))
		return -1;
	if (!newp)
		return k->kind == KNOB_COMMAND ? fail(EPERM) : 0;
	memcpy(&n, newp, sizeof(n));
	return knob_write(k, n);
}

/* "class.<n>.<what>" */
static int class_ctl(const char *name, void *oldp, size_t *oldlenp)
{
	struct transfer_stat t;
	struct central_stat c;
	unsigned int cls = 0;

	while (*name >= '0' && *name <= '9' && cls <= SIZECLASS_COUNT)
		cls = cls * 10 + (unsigned int)(*name++ - '0');
	if (*name++ != '.' || !cls || cls > SIZECLASS_COUNT)
		return fail(ENOENT);
	if (!strcmp(name, "size"))
		return give_number(sizeclass_info[cls].size, oldp, oldlenp);
	if (!strcmp(name, "cached"))
		return give_number(percpu_class_bytes(cls), oldp, oldlenp);
	transfer_get_stat(cls, &t);
	if (!strcmp(name, "transfer"))
		return give_number(t.objs, oldp, oldlenp);
	central_get_stat(cls, &c);
	if (!strcmp(name, "spans"))
		return give_number(c.spans, oldp, oldlenp);
	if (!strcmp(name, "free"))
		return give_number(c.free, oldp, oldlenp);
	return fail(ENOENT);
}

SHIM_EXPORT int shim_ctl(const char *name, void *oldp, size_t *oldlenp,
			 const void *newp, size_t newlen)
{
	const char *extra;
	struct shim_stat st;
	uint64_t value;
	unsigned int i;

	if (!name)
		return fail(EINVAL);
	for (i = 0; i < NR_KNOBS; i++)
		if (!strcmp(name, knobs[i].name))
			return knob_ctl(&knobs[i], oldp, oldlenp, newp, newlen);
	for (i = 0; stat_name(i); i++) {
		if (strcmp(name, stat_name(i)))
			continue;
		if (newp)
			return fail(EPERM);
		stat_get(&st);
		return give_number(stat_value(&st, i), oldp, oldlenp);
	}
	for (i = 0; (extra = stat_extra_name(i, &value)); i++)
		if (!strcmp(name, extra))
			return newp ? fail(EPERM) :
				      give_number(value, oldp, oldlenp);
	if (strncmp(name, "class.", 6))
		return fail(ENOENT);
	return newp ? fail(EPERM) : class_ctl(name + 6, oldp, oldlenp);
}
