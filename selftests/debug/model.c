// SPDX-License-Identifier: GPL-2.0-only
/* Expected content of arenas; see model.h. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include "memory.h"
#include "model.h"

#define WORDS		(OS_PAGE / sizeof(__u64))
#define LANE_WORDS	(MODEL_LANE_LEN / sizeof(__u64))

static sigjmp_buf env;
static void *volatile fault_address;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)context;
	fault_address = info->si_addr;
	siglongjmp(env, sig);
}

/* Signals end the sigsetjmp(env, 0) that follows.  One thread does this. */
static void catch_signals(void)
{
	struct sigaction sa = {
		.sa_sigaction = handler,
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};

	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
}

int model_make(struct model *m)
{
	struct arena a;

	if (arena_make(&a, MODEL_BLOCKS))
		return -1;
	model_zero(m, 0, MODEL_PAGES);
	m->groups = 0;
	memset(m->prot, PROT_READ | PROT_WRITE, sizeof(m->prot));
	m->fd = a.fd;
	m->base = a.base;
	m->maker = true;
	return 0;
}

bool model_uniform(const struct model *m, size_t first, size_t n)
{
	size_t i;

	for (i = first; i < first + n; i++)
		if (m->prot[i] & MODEL_UNMAPPED ||
		    m->prot[i] != m->prot[first])
			return false;
	return true;
}

static __u64 word(__u32 seed, size_t page, unsigned int n)
{
	__u64 x = seed * 0x9e3779b97f4a7c15ULL + page * 0xbf58476d1ce4e5b9ULL +
		  n;

	return x ^ x >> 29;
}

/* How many words of a page are its own. */
static unsigned int page_nr(const struct model *m, size_t page)
{
	return m->lane[page] ? LANE_WORDS : WORDS;
}

/* The first of them. */
static volatile __u64 *page_words(const struct model *m, size_t page)
{
	unsigned int lane = m->lane[page] ? m->lane[page] - 1 : 0;

	return (volatile __u64 *)(m->base + page * OS_PAGE +
				  lane * MODEL_LANE_LEN);
}

/*
 * The word in the middle that the seed of a page fills, beside the first and
 * the last.
 */
static unsigned int middle(const struct model *m, size_t page, __u32 seed)
{
	return 1 + seed * 2654435761U % (page_nr(m, page) - 2);
}

int model_write(struct model *m, size_t first, size_t n, __u32 seed)
{
	volatile __u64 *w;
	volatile size_t i;
	int sig;

	catch_signals();
	sig = sigsetjmp(env, 0);
	if (sig) {
		printf("# signal %d writing page %zu\n", sig, (size_t)i);
		return -1;
	}
	for (i = first; i < first + n; i++) {
		if (m->prot[i] & MODEL_UNMAPPED || !(m->prot[i] & PROT_WRITE))
			continue;
		w = page_words(m, i);
		if (m->seed[i])
			w[middle(m, i, m->seed[i])] = 0;
		w[0] = word(seed, i, 0);
		w[middle(m, i, seed)] = word(seed, i, 1);
		w[page_nr(m, i) - 1] = word(seed, i, 2);
		m->seed[i] = seed;
	}
	return 0;
}

int model_write_remote(struct model *m, size_t first, size_t n, __u32 seed)
{
	__u64 page[WORDS];
	size_t i;

	for (i = first; i < first + n; i++) {
		size_t nr = page_nr(m, i), len = nr * sizeof(page[0]);
		struct iovec local = { page, len };
		struct iovec remote = { (void *)page_words(m, i), len };

		if (m->prot[i] & MODEL_UNMAPPED || !(m->prot[i] & PROT_WRITE))
			continue;
		memset(page, 0, sizeof(page));
		page[0] = word(seed, i, 0);
		page[middle(m, i, seed)] = word(seed, i, 1);
		page[nr - 1] = word(seed, i, 2);
		if (process_vm_writev(getpid(), &local, 1, &remote, 1, 0) !=
		    (ssize_t)len) {
			perror("# process_vm_writev");
			return -1;
		}
		m->seed[i] = seed;
	}
	return 0;
}

static __u64 expected(const struct model *m, size_t page, unsigned int n)
{
	__u32 seed = m->seed[page];

	if (!seed)
		return 0;
	if (!n)
		return word(seed, page, 0);
	if (n == page_nr(m, page) - 1)
		return word(seed, page, 2);
	return n == middle(m, page, seed) ? word(seed, page, 1) : 0;
}

static int word_check(const struct model *m, size_t page, unsigned int n)
{
	__u64 seen = page_words(m, page)[n];

	if (seen == expected(m, page, n))
		return 0;
	printf("# page %zu (block %zu, %zu) lane %u word %u: %#llx instead of %#llx\n",
	       page, page / BLOCK_PAGES, page % BLOCK_PAGES, m->lane[page], n,
	       seen, expected(m, page, n));
	return -1;
}

int model_check(struct model *m, size_t first, size_t n, bool all)
{
	volatile size_t i;
	unsigned int j;
	volatile int bad = 0;
	int sig;

	catch_signals();
	sig = sigsetjmp(env, 0);
	if (sig) {
		printf("# signal %d reading page %zu\n", sig, (size_t)i);
		return -1;
	}
	for (i = first; !bad && i < first + n; i++) {
		if (m->prot[i] & MODEL_UNMAPPED || !(m->prot[i] & PROT_READ))
			continue;
		bad |= word_check(m, i, 0);
		bad |= word_check(m, i, middle(m, i, m->seed[i]));
		bad |= word_check(m, i, page_nr(m, i) - 1);
		for (j = 0; all && j < page_nr(m, i); j++)
			bad |= word_check(m, i, j);
	}
	return bad;
}

int model_lane(struct model *m, size_t page, unsigned int lane, __u32 seed)
{
	volatile __u64 *w;
	unsigned int i;
	int sig;

	m->lane[page] = lane;
	m->group[page] = ++m->groups;
	m->seed[page] = 0;
	catch_signals();
	sig = sigsetjmp(env, 0);
	if (sig) {
		printf("# signal %d writing page %zu\n", sig, page);
		return -1;
	}
	w = page_words(m, page);
	for (i = 0; i < LANE_WORDS; i++)
		w[i] = 0;
	return model_write(m, page, 1, seed);
}

void model_zero(struct model *m, size_t first, size_t n)
{
	memset(m->seed + first, 0, n * sizeof(m->seed[0]));
	memset(m->lane + first, 0, n);
}

void model_protect(struct model *m, size_t first, size_t n, int prot)
{
	memset(m->prot + first, prot, n);
}

int model_forbidden(struct model *m, size_t page)
{
	char *p = m->base + page * OS_PAGE;
	int prot = m->prot[page];
	bool mapped = !(prot & MODEL_UNMAPPED);
	int sig;

	catch_signals();
	sig = sigsetjmp(env, 0);
	if (sig == SIGSEGV && fault_address == p)
		return 0;
	if (sig) {
		printf("# signal %d at page %zu\n", sig, page);
		return -1;
	}
	if (!mapped || prot == PROT_NONE)
		(void)byte_read(p);
	else if (!(prot & PROT_WRITE))
		byte_write(p, 1);
	else
		return 0;
	printf("# page %zu, protection %#x, can be accessed\n", page, prot);
	return -1;
}
