/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * scavenger_thread: a thread made without libpthread.
 *
 * free() may be called with any lock of the C library held, the one that
 * guards the cache of thread stacks included (it frees under that lock), so
 * pthread_create() would deadlock there.  This thread is made by clone(2)
 * alone.  It has a stack and a thread pointer of its own, but none of the C
 * library's thread-local storage: what runs on it may use sys.h, memcpy() and
 * the page heap, and nothing else.  All signals are blocked in it.
 */
#ifndef SHIM_SCAVENGER_THREAD_H
#define SHIM_SCAVENGER_THREAD_H

#include <stdbool.h>

/**
 * scavenger_thread_start - run a function on a new thread
 * @fn: the function; the thread ends when it returns
 *
 * One thread at a time; never called by two threads at once.
 *
 * Return: false if no thread could be made, or the last one is still ending.
 */
bool scavenger_thread_start(void (*fn)(void));

/**
 * scavenger_thread_forget - the thread does not exist in this process
 *
 * In the child of a fork.
 */
void scavenger_thread_forget(void);

#endif /* SHIM_SCAVENGER_THREAD_H */
