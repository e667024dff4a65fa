// SPDX-License-Identifier: GPL-2.0-only
/*
 * life: objects of many sizes whose lives have many lengths.
 *
 * Short and long lives side by side are what fragments a heap: these rows tell
 * an allocator that is fast from one that stays small.
 */
#include <stdlib.h>
#include <string.h>

#include "work.h"

/* An object waiting for its end, in a wheel of buckets, one per step. */
struct life_object {
	uint64_t tag;
	struct life_object *next;
};

#define LIFE_WHEEL	262144	/* a power of two, above the longest life */

/* 90 % live 64 steps at most, 9 % 8,192, 1 % 200,000. */
static uint64_t life_length(struct work_rand *r)
{
	uint64_t kind = work_rand_below(r, 100);

	if (kind < 90)
		return 1 + work_rand_below(r, 64);
	if (kind < 99)
		return 1 + work_rand_below(r, 8192);
	return 1 + work_rand_below(r, 200000);
}

static uint64_t life_end(struct life_object **bucket)
{
	struct life_object *object;
	uint64_t sum = 0;

	while (*bucket) {
		object = *bucket;
		*bucket = object->next;
		sum += object->tag;
		free(object);
	}
	return sum;
}

static uint64_t life_mixed(const struct work_env *env)
{
	static struct life_object *wheel[LIFE_WHEEL];
	uint64_t count = work_count(env, 5000000), sum = 0, i;
	struct life_object *object, **bucket;
	struct work_rand r;

	work_rand_init(&r, 4);
	for (i = 0; i < count; i++) {
		sum += life_end(&wheel[i & (LIFE_WHEEL - 1)]);
		object = work_alloc(work_rand_size(&r, 4, 12), i);
		bucket = &wheel[(i + life_length(&r)) & (LIFE_WHEEL - 1)];
		object->next = *bucket;
		*bucket = object;
	}
	for (i = 0; i < LIFE_WHEEL; i++)
		sum += life_end(&wheel[i]);
	return sum;
}

#define LIFE_REQUEST	40	/* objects of one request */
#define LIFE_SESSIONS	20000	/* objects kept, oldest replaced first */

struct life_server {
	uint64_t requests;
	uint64_t seed;
	uint64_t sum;
	void *kept[LIFE_SESSIONS];
};

static void *life_server_run(void *arg)
{
	struct life_server *server = arg;
	void *object[LIFE_REQUEST], *buffer, **slot;
	uint64_t i, k, n = 0, sum = 0;
	struct work_rand r;

	work_rand_init(&r, server->seed);
	for (i = 0; i < server->requests; i++) {
		buffer = work_alloc(16384, i);
		for (k = 0; k < LIFE_REQUEST; k++)
			object[k] = work_alloc(work_rand_size(&r, 4, 11), k);
		/* two in five requests leave an object behind: 1 % */
		if (work_rand_below(&r, 5) < 2) {
			slot = &server->kept[n++ % LIFE_SESSIONS];
			if (*slot) {
				sum += work_tag(*slot);
				free(*slot);
			}
			k = work_rand_below(&r, LIFE_REQUEST);
			*slot = object[k];
			object[k] = NULL;
		}
		for (k = 0; k < LIFE_REQUEST; k++) {
			if (object[k])
				sum += work_tag(object[k]);
			free(object[k]);
		}
		sum += work_tag(buffer);
		free(buffer);
	}
	for (k = 0; k < LIFE_SESSIONS; k++)
		free(server->kept[k]);
	server->sum = sum;
	return NULL;
}

static uint64_t life_server(const struct work_env *env)
{
	static struct life_server server;

	server.requests = work_count(env, 240000);
	server.seed = 5;
	life_server_run(&server);
	return server.sum;
}

static uint64_t life_server_threads(const struct work_env *env)
{
	struct life_server *servers = calloc(env->threads, sizeof(*servers));
	uint64_t sum = 0;
	unsigned int i;

	work_check(!!servers, "no memory");
	for (i = 0; i < env->threads; i++) {
		servers[i].requests = work_count(env, 120000);
		servers[i].seed = 6 + i;
	}
	work_threads_run(env->threads, life_server_run, servers,
			 sizeof(*servers));
	for (i = 0; i < env->threads; i++)
		sum += servers[i].sum;
	free(servers);
	return sum;
}

#define LIFE_LIVE	(48 << 20)	/* bytes at the top of each phase */
#define LIFE_PHASES	8
#define LIFE_SLOTS	(LIFE_LIVE / 32)

/*
 * Each phase fills the heap with another size and leaves 5 % behind: memory
 * must move from one size class to the next.
 */
static uint64_t life_shift(const struct work_env *env)
{
	void **slots = malloc(LIFE_SLOTS * sizeof(*slots));
	uint64_t rounds = work_count(env, 2), sum = 0, i;
	static void *left[LIFE_PHASES][LIFE_SLOTS / 20 + 1];
	size_t n, k, left_n[LIFE_PHASES];
	unsigned int phase;

	work_check(!!slots, "no memory");
	for (i = 0; i < rounds; i++) {
		memset(left_n, 0, sizeof(left_n));
		for (phase = 0; phase < LIFE_PHASES; phase++) {
			size_t size = (size_t)48 << phase;

			n = LIFE_LIVE / size;
			for (k = 0; k < n; k++)
				slots[k] = work_alloc(size, k);
			for (k = 0; k < n; k++) {
				sum += work_tag(slots[k]);
				if (k % 20 == 7)
					left[phase][left_n[phase]++] = slots[k];
				else
					free(slots[k]);
			}
		}
		for (phase = 0; phase < LIFE_PHASES; phase++)
			for (k = 0; k < left_n[phase]; k++)
				free(left[phase][k]);
	}
	free(slots);
	return sum;
}

#define LIFE_SMALL	64
#define LIFE_SMALLS	(64 * 1024 * 1024 / LIFE_SMALL)
#define LIFE_BIG	8192
#define LIFE_BIGS	(48 * 1024 * 1024 / LIFE_BIG)

/*
 * 64 MiB of small objects, all but one in 64 freed in random order, then 48 MiB
 * of big ones that would fit if the holes joined.
 */
static uint64_t life_fragment(const struct work_env *env)
{
	void **small = malloc(LIFE_SMALLS * sizeof(*small));
	void **big = malloc(LIFE_BIGS * sizeof(*big));
	uint64_t rounds = work_count(env, 1), sum = 0, i;
	struct work_rand r;
	size_t k, j;
	void *p;

	work_check(small && big, "no memory");
	work_rand_init(&r, 7);
	for (i = 0; i < rounds; i++) {
		for (k = 0; k < LIFE_SMALLS; k++)
			small[k] = work_alloc(LIFE_SMALL, k);
		for (k = LIFE_SMALLS; k > LIFE_SMALLS / 64; k--) {
			j = work_rand_below(&r, k);
			p = small[j];
			small[j] = small[k - 1];
			sum += work_tag(p);
			free(p);
		}
		for (k = 0; k < LIFE_BIGS; k++)
			big[k] = work_alloc(LIFE_BIG, k);
		for (k = 0; k < LIFE_BIGS; k++) {
			sum += work_tag(big[k]);
			free(big[k]);
		}
		for (k = 0; k < LIFE_SMALLS / 64; k++)
			free(small[k]);
	}
	free(big);
	free(small);
	return sum;
}

#define LIFE_DIGITS	24	/* digits of the longest number, 32 bits each */

struct life_number {
	uint64_t n;
	uint32_t digit[];
};

static struct life_number *life_number_new(uint64_t n)
{
	struct life_number *number;

	number = malloc(sizeof(*number) + n * sizeof(number->digit[0]));
	work_check(!!number, "no memory");
	number->n = n;
	return number;
}

/* a + k, as a new number; what does not fit in LIFE_DIGITS is dropped */
static struct life_number *life_number_mul(const struct life_number *a,
					   uint32_t k)
{
	uint64_t n = a->n < LIFE_DIGITS ? a->n + 1 : LIFE_DIGITS;
	struct life_number *product = life_number_new(n);
	uint64_t carry = k, i;

	for (i = 0; i < n; i++) {
		if (i < a->n)
			carry += (uint64_t)a->digit[i] * k;
		product->digit[i] = (uint32_t)carry;
		carry >>= 32;
	}
	return product;
}

#define LIFE_TERMS	32

/* Numbers without a fixed size: every operation makes one and drops one. */
static uint64_t life_numbers(const struct work_env *env)
{
	uint64_t count = work_count(env, 600000), sum = 0, i;
	struct life_number *number, *next;
	uint32_t k;

	for (i = 0; i < count; i++) {
		number = life_number_new(1);
		number->digit[0] = (uint32_t)i;
		for (k = 0; k < LIFE_TERMS; k++) {
			next = life_number_mul(number, 0xfffffff1u - k);
			free(number);
			number = next;
		}
		sum += number->digit[number->n - 1];
		free(number);
	}
	return sum;
}

const struct work work_life[] = {
	{ "lives", "16 B to 4 KiB, lives of 1 to 200,000 steps", life_mixed },
	{ "server", "requests of 40 objects, 1 % kept", life_server },
	{ "server-mt", "the same in a thread per CPU", life_server_threads },
	{ "shift", "the size in use changes, 5 % left behind", life_shift },
	{ "fragment", "small objects freed but 1 in 64, then big ones",
	  life_fragment },
	{ "numbers", "big-number arithmetic, an object an operation",
	  life_numbers },
	{ NULL, NULL, NULL }
};
