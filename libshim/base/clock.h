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
 * Read through the vDSO, which is found without the dynamic linker: a sandbox
 * may forbid the system call, and another library may interpose
 * clock_gettime().  The coarse clock does not read the time stamp counter,
 * which prctl(PR_SET_TSC) may forbid.  The system call is used only where there
 * is no vDSO.
 *
 * Return: nanoseconds since an unspecified moment, with a resolution of a few
 * milliseconds; 0 if the system has no such clock.
 */
uint64_t clock_coarse(void);

#endif /* SHIM_CLOCK_H */
