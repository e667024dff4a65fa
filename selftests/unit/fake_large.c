// SPDX-License-Identifier: GPL-2.0-only
#include "fake_large.h"

struct fake_large fake_large = { .most = 64 };

void large_ask(unsigned int (*fn)(struct span **span))
{
	fake_large.ask = fn;
}

bool large_grant(size_t npages, bool alone)
{
	fake_large.alone = alone;
	if (fake_large.granted + (long)npages > fake_large.most)
		return false;
	fake_large.granted += (long)npages;
	return true;
}

void large_revoke(size_t npages)
{
	fake_large.granted -= (long)npages;
}

void large_give(struct span **span, unsigned int n)
{
	fake_large.given += n;
	if (n)
		fake_large.last = span[n - 1];
}

void large_keep(struct span *s)
{
	fake_large.kept++;
	fake_large.last = s;
}

bool large_unwritten(void)
{
	return fake_large.unwritten;
}
