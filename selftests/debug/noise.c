// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads everywhere at any time, mapped or not; see noise.h.  It pauses, so that
 * it does not keep one of the VM's CPUs to itself.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>
#include <sys/uio.h>
#include "noise.h"
#include "soak.h"

static const struct model *models;
static unsigned int nr, stop;
static pthread_t thread;

static void *noise(void *arg)
{
	__u64 rnd = 1, at;
	char buf[64];

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct iovec local = { buf, sizeof(buf) }, remote;
		const struct model *m = &models[soak_below(&rnd, nr)];

		at = soak_below(&rnd, MODEL_PAGES) * OS_PAGE;
		remote = (struct iovec){ m->base + at, sizeof(buf) };
		(void)!process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
		usleep(500);
	}
	return NULL;
}

int noise_start(const struct model *m, unsigned int n)
{
	models = m;
	nr = n;
	return pthread_create(&thread, NULL, noise, NULL);
}

void noise_stop(void)
{
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}
