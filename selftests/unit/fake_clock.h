/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fake_clock: time that passes when a test says so.
 */
#ifndef UNIT_FAKE_CLOCK_H
#define UNIT_FAKE_CLOCK_H

#include <stdint.h>

extern uint64_t fake_clock;	/* nanoseconds */

#endif
