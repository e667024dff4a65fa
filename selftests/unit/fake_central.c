// SPDX-License-Identifier: GPL-2.0-only
/*
 * fake_central: objects that are numbers, each handed out at most once.
 *
 * An object of class c is (c << 24) + 16 * n.  A lock of the central rank
 * guards the map of objects handed out.
 */
#include <string.h>

#include "span/central.h"
#include "fake_central.h"
#include "base/lock.h"
#include "base/sizeclass.h"

#define OBJS	(1u << 16)

struct fake_central fake_central;

static struct shim_lock lock = SHIM_LOCK_INIT(SHIM_RANK_CENTRAL);
static unsigned char out[SIZECLASS_COUNT + 1][OBJS];
static unsigned int next[SIZECLASS_COUNT + 1];

unsigned int central_get(unsigned int cls, void **objs, unsigned int n)
{
	unsigned int i = 0;

	shim_lock_acquire(&lock);
	fake_central.gets++;
	while (!fake_central.fail && i < n) {
		unsigned int k = ++next[cls] % OBJS;

		if (!k || out[cls][k])
			continue;
		out[cls][k] = 1;
		objs[i++] = (void *)(((uintptr_t)cls << 24) + 16ul * k);
		fake_central.out++;
	}
	shim_lock_release(&lock);
	return i;
}

bool central_is_dry(unsigned int cls)
{
	(void)cls;
	return fake_central.dry;
}

void central_put(unsigned int cls, void **objs, unsigned int n)
{
	unsigned int i;

	shim_lock_acquire(&lock);
	fake_central.puts++;
	for (i = 0; i < n; i++) {
		uintptr_t p = (uintptr_t)objs[i];
		unsigned int k = (p & 0xffffff) / 16;

		if (p >> 24 != cls || k >= OBJS || !out[cls][k]) {
			fake_central.bad++;
			continue;
		}
		out[cls][k] = 0;
		fake_central.out--;
	}
	shim_lock_release(&lock);
}

unsigned int central_put_mixed(void *p)
{
	unsigned int cls = (unsigned int)((uintptr_t)p >> 24);

	central_put(cls, &p, 1);
	return cls;
}

void central_judge(unsigned int cls, const void *p)
{
	(void)cls;
	(void)p;
}

int central_check(unsigned int cls, const void *p)
{
	(void)cls;
	(void)p;
	return 0;
}

bool central_wants(unsigned int cls)
{
	(void)cls;
	return fake_central.wants;
}

bool central_called(unsigned int cls)
{
	bool was = fake_central.wants;

	(void)cls;
	fake_central.wants = false;
	return was;
}

/* Of eight spans that take turns, the first is the fullest. */
void central_free_beside(void *const *objs, unsigned int n, uint16_t *nfree)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		nfree[i] = ((uintptr_t)objs[i] & 0xffffff) / 16 % 8;
}

unsigned int central_node(const void *p)
{
	return fake_central.nodes ? (uintptr_t)p / 16 % fake_central.nodes : 0;
}

void central_squeeze(void)
{
}
