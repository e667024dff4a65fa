/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fork: every lock of the library held across fork().
 */
#ifndef SHIM_FORK_H
#define SHIM_FORK_H

/**
 * fork_register - register our handlers of fork() with glibc
 *
 * Called by our first constructor, and by boot in case something allocates
 * earlier; the first call counts.  Ours are registered before any other
 * handlers, so that they run last before a fork and first after it, and the
 * others may allocate.
 */
void fork_register(void);

/**
 * fork_watch - end a copy of the process that waits for a thread it does not have
 *
 * Called by boot, once.
 */
void fork_watch(void);

#define FORK_LAYERS	3	/* slots: the libraries above, lowest first */

/**
 * fork_on - call a layer above around fork() as well
 * @slot: which layer
 * @prepare: called before the first lock of the core is taken
 * @parent: called in the parent, with no lock of the core held
 * @child: the same in the child
 *
 * The highest slot goes first before a fork and last after it.  A slot is filled
 * once; later calls change nothing.
 */
void fork_on(unsigned int slot, void (*prepare)(void), void (*parent)(void),
	     void (*child)(void)) __attribute__((cold));

#endif /* SHIM_FORK_H */
