/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fork: every lock of the library held across fork().
 */
#ifndef SHIM_FORK_H
#define SHIM_FORK_H

/**
 * fork_register - have glibc call us around fork()
 *
 * Called once, at boot.  Registered before anybody else's handlers: ours run
 * last before a fork and first after it, so that others' may allocate.
 */
void fork_register(void);

#endif /* SHIM_FORK_H */
