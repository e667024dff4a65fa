/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that do different things to one arena at once, until they are told to
 * stop.  Each counts its rounds, and what it found wrong.
 */
#ifndef SELFTESTS_LIB_CREW_H
#define SELFTESTS_LIB_CREW_H

#include <pthread.h>
#include <stdbool.h>
#include "arena.h"

#define CREW_MAX	24

struct crew;

/**
 * struct member - one thread of a crew
 * @crew: the crew
 * @id: its number, from 0
 * @seed: of crew_random()
 * @pause: microseconds between two rounds
 * @share: rounds that crew_wait() waits for
 * @wrong: how often something was not as it should be; its own
 * @rounds: of what it does over and over; atomic, as others read it
 * @thread: itself
 */
struct member {
	struct crew *crew;
	unsigned int id;
	unsigned int seed;
	unsigned int pause;
	unsigned long share;
	unsigned long wrong;
	unsigned long rounds;
	pthread_t thread;
};

/**
 * struct crew - threads at work on an arena
 * @a: the arena
 * @n: threads
 * @stop: they are to end; atomic
 * @member: the threads
 */
struct crew {
	struct arena a;
	unsigned int n;
	bool stop;
	struct member member[CREW_MAX];
};

/*
 * Start a thread, whose argument is its struct member; 0 or an error number.
 * @pause is for crew_goes_on(), @share for crew_wait().
 */
int crew_add(struct crew *c, void *(*body)(void *member), unsigned int pause,
	     unsigned long share);

/* Count a round, wait for the pause; false when the thread is to end. */
bool crew_goes_on(struct member *m);

/* A number of the thread's own sequence. */
unsigned int crew_random(struct member *m);

/* Wait until every thread has done its share: nobody is starved. */
void crew_wait(const struct crew *c);

/* Let all threads end, and wait for them. */
void crew_end(struct crew *c);

/* A body: drop all mappings. */
void *crew_drop(void *member);

/* A body: fork a child that spoils its copy in every way. */
void *crew_fork(void *member);

/* Nobody saw anything that was wrong. */
#define EXPECT_CREW(_crew) do {						\
	for (unsigned int _i = 0; _i < (_crew)->n; _i++) {		\
		EXPECT_EQ(0, (_crew)->member[_i].wrong) {		\
			TH_LOG("thread %u of %lu rounds", _i,		\
			       (_crew)->member[_i].rounds);		\
		}							\
	}								\
} while (0)

#endif
