// SPDX-License-Identifier: GPL-2.0-only
#include "base/clock.h"
#include "fake_clock.h"

uint64_t fake_clock = 1000000000;

uint64_t clock_coarse(void)
{
	return fake_clock;
}
