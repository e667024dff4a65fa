/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test's other processes: start them, meet them, wait for them, become
 * another user.
 */
#ifndef SELFTESTS_LIB_PROCESS_H
#define SELFTESTS_LIB_PROCESS_H

#include <sys/types.h>

/*
 * fork(), but the child dies with the thread that forked it: a test that fails
 * half way leaves nobody behind to hold the module or the tests' output.
 */
pid_t child_fork(void);

/*
 * child_fork(), run @fn(@arg) in the child and end it with what @fn returned.
 * Its pid, or -1 and errno.
 */
pid_t child_start(int (*fn)(void *arg), void *arg);

/* Wait for @pid: its exit status, or 256 plus the signal that ended it. */
int child_wait(pid_t pid);

/* child_start() and child_wait(). */
int child_run(int (*fn)(void *arg), void *arg);

/*
 * A gate is a counter that fork() shares: gate_wait() takes one that
 * gate_post() put there, and sleeps until it can.
 */
int gate_open(void);
void gate_post(int gate);
void gate_wait(int gate);

/*
 * A child that shares everything with its parent and touches none of it until
 * gate_post(@release); its pid, or -1 and errno.
 */
pid_t child_holds(int release);

/* Become user and group @uid, without capabilities; 0, or -1 and errno. */
int user_become(uid_t uid);

/* Pass a file to another process over a socket, and receive it. */
int fd_send(int sock, int fd);
int fd_receive(int sock);

#endif
