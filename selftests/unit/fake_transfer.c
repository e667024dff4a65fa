// SPDX-License-Identifier: GPL-2.0-only
/*
 * fake_transfer: objects that are numbers, each handed out at most once.
 *
 * An object of class c is (c << 24) + 16 * n.  A lock of the transfer rank
 * guards the map of objects handed out.
 */
#include "fake_transfer.h"
#include "base/lock.h"
#include "base/sizeclass.h"
#include "cache/transfer.h"
#include "base/usage.h"

struct fake_transfer fake_transfer;

static struct shim_lock lock = SHIM_LOCK_INIT(SHIM_RANK_TRANSFER);
static unsigned char out[SIZECLASS_COUNT + 1][FAKE_OBJS];
static unsigned int next[SIZECLASS_COUNT + 1];

unsigned int transfer_get_at(unsigned int dom, unsigned int cls, void **objs,
			     unsigned int n)
{
	unsigned int i = 0;

	shim_lock_acquire(&lock);
	fake_transfer.gets++;
	fake_transfer.dom_gets[dom]++;
	while (!fake_transfer.fail && i < n) {
		unsigned int k = ++next[cls] % FAKE_OBJS;

		if (!k || out[cls][k])
			continue;
		out[cls][k] = 1;
		objs[i++] = (void *)(((uintptr_t)cls << 24) + 16ul * k);
		fake_transfer.out++;
	}
	shim_lock_release(&lock);
	return i;
}

void transfer_put_at(unsigned int dom, unsigned int cls, void **objs,
		     unsigned int n)
{
	unsigned int i;

	shim_lock_acquire(&lock);
	fake_transfer.puts++;
	fake_transfer.dom_puts[dom]++;
	for (i = 0; i < n; i++) {
		uintptr_t p = (uintptr_t)objs[i];
		unsigned int k = fake_number(objs[i]);

		if (p >> 24 != cls || k >= FAKE_OBJS || !out[cls][k]) {
			fake_transfer.bad++;
			continue;
		}
		out[cls][k] = 0;
		fake_transfer.out--;
	}
	shim_lock_release(&lock);
}

void transfer_put_home(unsigned int cls, void **objs, unsigned int n)
{
	transfer_put_at(0, cls, objs, n);
}

unsigned int transfer_put_mixed(void *p)
{
	unsigned int cls = (unsigned int)((uintptr_t)p >> 24);

	if (fake_transfer.busy)
		return 0;
	transfer_put_at(0, cls, &p, 1);
	return cls;
}

int transfer_check(unsigned int cls, const void *p)
{
	return !out[cls][fake_number(p)];
}

void transfer_judge(unsigned int cls, const void *p)
{
	(void)cls;
	(void)p;
}

void transfer_plunder(void)
{
}

void transfer_flush(void)
{
}

bool transfer_wants(unsigned int cls)
{
	(void)cls;
	return fake_transfer.wants;
}

void transfer_recall(unsigned int cls)
{
	(void)cls;
	fake_transfer.wants = false;
}

void transfer_squeeze(void)
{
}

bool transfer_is_dry(unsigned int dom, unsigned int cls)
{
	(void)dom;
	(void)cls;
	return fake_transfer.dry;
}

size_t pageheap_usage(void)
{
	return fake_transfer.usage;
}

bool scavenger_pass(bool asked)
{
	__atomic_fetch_add(asked ? &fake_transfer.asked : &fake_transfer.passed,
			   1, __ATOMIC_RELAXED);
	return fake_transfer.stirs;
}

unsigned int pageheap_pressure(void)
{
	return fake_transfer.pressure;
}
