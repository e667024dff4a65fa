// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * prof: the sampled heap profile.
 *
 * Keeps true: the live count of a record, and of the whole profile, is what
 * prof_take() has added and prof_drop() has not yet subtracted.  A record is
 * complete when it is linked, and is never unlinked.  The profile lock (rank
 * ENTRY) protects everything but the countdown, which belongs to its thread.
 * Called by entry and large, read by the hugearena command.
 */
#include <string.h>
#include <time.h>

#include "clock.h"
#include "conf.h"
#include "meta.h"
#include "probe.h"
#include "prof.h"
#include "sys.h"
#include "unwind.h"

#define SKIP_FRAMES	1	/* prof_take() itself */
#define CHUNK_BYTES	((size_t)64 << 10)

struct shim_prof shim_prof SHIM_BSS_ALL = {
	.lock = SHIM_LOCK_INIT(SHIM_RANK_ENTRY),
};

__thread int64_t prof_left;

static __thread uint64_t seed __attribute__((tls_model("initial-exec")));
static __thread bool inside __attribute__((tls_model("initial-exec")));

/* Records are cut from chunks; guarded by the lock. */
static char *chunk;
static size_t chunk_left;

static uint64_t next_random(void)
{
	/* xorshift64*: any non-zero seed has a period of 2^64 - 1 */
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1dUL;
}

/* -ln(x) for 0 < x <= 1, without the mathematical library. */
static double minus_ln(double x)
{
	union {
		double d;
		uint64_t u;
	} m = { .d = x };
	int exponent = (int)(m.u >> 52) - 1023;
	double z, zz;

	/* x = 2^exponent * m, 1 <= m < 2; ln m = 2 atanh((m-1)/(m+1)) */
	m.u = (m.u & 0xfffffffffffffu) | (uint64_t)1023 << 52;
	z = (m.d - 1) / (m.d + 1);
	zz = z * z;
	z *= 2 * (1 + zz * (1.0 / 3 + zz * (1.0 / 5 + zz * (1.0 / 7 +
	     zz * (1.0 / 9 + zz / 11)))));
	return -(exponent * 0.69314718055994531 + z);
}

/* Exponentially distributed with the rate as its mean: picked bytes. */
static int64_t next_interval(void)
{
	double u = ((double)(next_random() >> 11) + 1) / 9007199254740992.0;
	double left = minus_ln(u) * (double)shim_conf.profile;

	return left < 1 ? 1 : left > 1e15 ? (int64_t)1e15 : (int64_t)left;
}

/*
 * Seed a thread's random numbers when it first needs one, since the generator
 * cannot leave 0. Return: true if this was the first time.
 */
static bool seed_first(void)
{
	if (seed)
		return false;
	seed = (uintptr_t)&seed ^ clock_coarse() << 20;
	seed |= 1;
	next_random();
	return true;
}

bool prof_due(void)
{
	if (!shim_conf.profile)
		return false;	/* a tool has just switched sampling off */
	if (seed_first()) {
		/* what was counted so far belongs to the first interval */
		prof_left += next_interval() - 1;
		if (prof_left >= 0)
			return false;
	}
	if (inside || !shim_armed)
		return false;
	prof_left = next_interval() - 1;
	return true;
}

/* Sizes up to which a record counts: four significant bits. */
static uint64_t size_round(size_t size)
{
	uint64_t s = size ? size : 1;
	unsigned int shift;

	if (s <= 16)
		return s;
	shift = 60 - (unsigned int)__builtin_clzll(s);
	return (((s - 1) >> shift) + 1) << shift;
}

static uint32_t hash_of(void *const *frame, uint32_t n, uint64_t size)
{
	uint64_t h = size * 0x9e3779b97f4a7c15u;
	uint32_t i;

	for (i = 0; i < n; i++)
		h = (h ^ (uintptr_t)frame[i]) * 0x9e3779b97f4a7c15u ^ h >> 29;
	return (uint32_t)(h >> 32);
}

static void *record_new(void)
{
	struct prof_stack *s;

	if (shim_prof.nstacks >= PROF_STACKS_MAX)
		return NULL;
	if (chunk_left < sizeof(*s)) {
		chunk = meta_alloc(CHUNK_BYTES, 64);
		chunk_left = chunk ? CHUNK_BYTES : 0;
		if (!chunk)
			return NULL;
	}
	s = (struct prof_stack *)chunk;
	chunk += sizeof(*s);
	chunk_left -= sizeof(*s);
	return s;
}

/* The record of a stack and size, made if there is none. Lock held. */
static struct prof_stack *record_get(void *const *frame, uint32_t n,
				     uint64_t size)
{
	uint32_t hash = hash_of(frame, n, size);
	struct prof_stack **head, *s;

	shim_lock_assert(&shim_prof.lock);
	if (!shim_prof.table) {
		shim_prof.table = meta_alloc(PROF_BUCKETS *
					     sizeof(*shim_prof.table), 64);
		if (!shim_prof.table)
			return NULL;
	}
	head = &shim_prof.table[hash % PROF_BUCKETS];
	for (s = *head; s; s = s->next)
		if (s->hash == hash && s->size == size && s->nframes == n &&
		    !memcmp(s->frame, frame, n * sizeof(*frame)))
			return s;
	s = record_new();
	if (!s)
		return NULL;
	s->hash = hash;
	s->size = size;
	s->nframes = n;
	memcpy(s->frame, frame, n * sizeof(*frame));
	s->next = *head;
	/* release order: a tool that follows the chain finds it complete */
	__atomic_store_n(head, s, __ATOMIC_RELEASE);
	shim_prof.nstacks++;
	return s;
}

/* A sixteenth more is live than ever before: remember which stacks own it. */
static void peak_take(void)
{
	struct prof_stack *s;
	uint32_t i;

	shim_prof.peak_bytes = shim_prof.live.bytes;
	for (i = 0; i < PROF_BUCKETS; i++)
		for (s = shim_prof.table[i]; s; s = s->next)
			s->peak = s->live;
}

static void count_add(struct prof_count *c, uint64_t objects, uint64_t bytes)
{
	c->objects += objects;
	c->bytes += bytes;
}

/* After more became live: is it a new peak? */
static bool peak_look(void)
{
	if (shim_prof.live.bytes <= shim_prof.peak_bytes +
				    shim_prof.peak_bytes / 16)
		return false;
	peak_take();
	return shim_conf.profile_peak;
}

__attribute__((noinline)) struct prof_stack *prof_take(size_t size)
{
	void *frame[PROF_FRAMES + SKIP_FRAMES];
	struct prof_stack *s;
	bool peak = false;
	int n;

	inside = true;		/* the unwinder allocates when it is loaded */
	n = backtrace(frame, PROF_FRAMES + SKIP_FRAMES);
	inside = false;
	if (n < SKIP_FRAMES)
		n = SKIP_FRAMES;
	shim_lock_acquire(&shim_prof.lock);
	s = record_get(frame + SKIP_FRAMES, (uint32_t)n - SKIP_FRAMES,
		       size_round(size));
	if (s) {
		shim_prof.samples++;
		count_add(&s->live, 1, size);
		count_add(&s->total, 1, size);
		count_add(&shim_prof.live, 1, size);
		peak = peak_look();
	} else {
		shim_prof.lost++;
	}
	shim_lock_release(&shim_prof.lock);
	if (peak)
		prof_dump(PROF_AT_PEAK);
	PROBE(sample, size, s);
	return s;
}

void prof_drop(struct prof_stack *stack, size_t size)
{
	shim_lock_acquire(&shim_prof.lock);
	count_add(&stack->live, (uint64_t)-1, -(uint64_t)size);
	count_add(&shim_prof.live, (uint64_t)-1, -(uint64_t)size);
	shim_lock_release(&shim_prof.lock);
}

struct prof_stack *prof_resize(struct prof_stack *stack, size_t from,
			       size_t to)
{
	struct prof_stack *s = NULL;
	bool peak = false;

	shim_lock_acquire(&shim_prof.lock);
	if (size_round(to) != stack->size)
		s = record_get(stack->frame, stack->nframes, size_round(to));
	if (!s)
		s = stack;
	count_add(&stack->live, (uint64_t)-1, -(uint64_t)from);
	count_add(&s->live, 1, to);
	count_add(&shim_prof.live, 0, (uint64_t)to - from);
	if (to > from) {
		count_add(&stack->total, (uint64_t)-1, -(uint64_t)from);
		count_add(&s->total, 1, to);
		peak = peak_look();
	}
	shim_lock_release(&shim_prof.lock);
	if (peak)
		prof_dump(PROF_AT_PEAK);
	return s;
}

bool prof_keeps(size_t from, size_t to)
{
	uint64_t rate = shim_conf.profile, picked;

	/* another thread may have taken the sample, and this one none yet */
	if (seed_first())
		prof_left += next_interval() - 1;
	/* far below the rate, a picked byte is equally likely to be anywhere */
	if (from < rate / 8)
		return next_random() % from < to;
	/*
	 * the first one is where the interval that ends inside the object ends
	 */
	do {
		picked = (uint64_t)next_interval();
	} while (picked > from);
	return picked <= to;
}

void prof_fork_prepare(void)
{
	shim_lock_fork_prepare(&shim_prof.lock);
}

void prof_fork_parent(void)
{
	shim_lock_fork_parent(&shim_prof.lock);
}

void prof_fork_child(void)
{
	prof_dump_fork_child();
	shim_lock_fork_child(&shim_prof.lock);
}
