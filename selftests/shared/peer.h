/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that shares nothing with the test but a socket, and gets the file
 * of a shared arena over it.
 */
#ifndef SELFTESTS_SHARED_PEER_H
#define SELFTESTS_SHARED_PEER_H

#include "harness.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

/**
 * struct peer - the other process
 * @pid: it
 * @sock: to it; in it, to the test
 * @fn: what it does with what it got
 */
struct peer {
	pid_t pid;
	int sock;
	int (*fn)(struct arena *a, int sock);
};

/*
 * Map the file that was received, all of it, at any address; 0, or -1 and
 * errno.
 */
static inline int peer_map(struct arena *a, int prot)
{
	struct stat st;

	if (fstat(a->fd, &st))
		return -1;
	a->size = st.st_size;
	a->base = mmap(NULL, a->size, prot, MAP_SHARED, a->fd, 0);
	return a->base == MAP_FAILED ? -1 : 0;
}

static inline int peer_main(void *arg)
{
	struct peer *p = arg;
	struct arena a = {};

	a.fd = fd_receive(p->sock);
	if (a.fd < 0)
		return 200;
	return p->fn(&a, p->sock);
}

/* To be called before the arena is made, so that fork() inherits none of it. */
static inline int peer_start(struct peer *p, int (*fn)(struct arena *a,
						       int sock))
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return -1;
	p->fn = fn;
	p->sock = sv[1];
	p->pid = child_start(peer_main, p);
	close(sv[1]);
	p->sock = sv[0];
	return p->pid < 0 ? -1 : 0;
}

/* Send one word to the other side, and receive it there. */
static inline int say(int sock, char word)
{
	return send(sock, &word, 1, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* The word that was received, or -1 when the other process is gone. */
static inline int hear(int sock)
{
	char word;

	return recv(sock, &word, 1, 0) == 1 ? word : -1;
}

/* Make a shared arena of @blocks blocks, and map it. */
static inline int shared_make(struct arena *a, size_t blocks)
{
	return arena_make_kind(a, blocks, HUGEARENA_KIND_BLOCKS,
			       HUGEARENA_CREATE_SHARED);
}

#endif
