/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clock: the time, without a system call.
 */
#ifndef SHIM_CLOCK_H
#define SHIM_CLOCK_H

#include <stdint.h>

/**
 * clock_coarse - CLOCK_MONOTONIC_COARSE
 *
 * By the vDSO, found without the dynamic linker: a sandbox may forbid the system
 * call, another library may have a clock_gettime() of its own.  The coarse clock
 * reads no time stamp counter, which prctl(PR_SET_TSC) may forbid.  Only where
 * there is no vDSO it is the system call.
 *
 * Return: nanoseconds since some moment, in steps of some milliseconds; 0 if the
 * system does not tell.
 */
uint64_t clock_coarse(void);

#endif /* SHIM_CLOCK_H */
