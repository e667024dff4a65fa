// SPDX-License-Identifier: GPL-2.0-only
/*
 * rseq: every instruction of every sequence, interrupted.
 *
 * A breakpoint is put on one instruction after the other.  When the thread
 * comes there, the kernel makes it restart and calls a signal handler, which
 * does what others may do between two instructions: take and give objects of
 * this CPU, fill its stacks or empty them, move the thread to another CPU, take
 * the slab away, put another one in its place.  Each run is interrupted twice,
 * since a sequence that was restarted must be armed again.
 *
 * Afterwards each object is in one place, the sequence has done what it says for
 * what it found at its last start, and the handler came from where the kernel
 * has to send a sequence that it interrupts.  Each instruction from the
 * function's first to the one behind the commit must have been met.
 *
 * Where the instructions begin, the processor says by stepping through them on
 * x86-64, with an area that the kernel does not know; on AArch64 all are of four
 * bytes.
 */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "../lib/patience.h"

#include "cache/percpu_slab.h"
#if defined(__x86_64__)
#include "cache/rseq_x86_64.h"
#define BREAK_BYTES	1	/* int3 */
#define PC(uc)		((uc)->uc_mcontext.gregs[REG_RIP])
#elif defined(__aarch64__)
#include "cache/rseq_aarch64.h"
#define BREAK_BYTES	4	/* brk 0 */
#define PC(uc)		((uc)->uc_mcontext.pc)
#else
#error "rseq: this processor's breakpoint is missing"
#endif
#include "rseq_area.h"

#ifndef RSEQ_PLAYED
#define RSEQ_PLAYED	0	/* 1: no kernel's sequences, see rseq_played.c */
#endif

#define IDX	3	/* requests of 49 to 64 bytes */
#define CAP	8
#define KEPT	5	/* a large object of 112 KiB */
#define BATCH	3
#define OBJS	40	/* three stacks, both hands */
#define MAX_PCS	128
#define TABLE	8192	/* CPUs that the kernel may number */

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

extern const struct cs __start___rseq_cs[], __stop___rseq_cs[];

enum kind {
	POP_SMALL, POP, PUSH, POP_BATCH, PUSH_BATCH, TAKE_KEPT, KEEP, DETACH, KINDS
};

/* What the handler does. */
enum meddle {
	NOTHING, TAKE, GIVE, FILL, EMPTY, MOVE, MOVE_AND_USE, AWAY, SWAP, MEDDLES
};

struct hand {
	unsigned int n;
	void *objs[OBJS];
};

/* What a sequence is to do, or what it did. */
struct result {
	unsigned int n;
	void *objs[BATCH];
};

/* The same, and what the stack it has to do it to holds then. */
struct expect {
	struct result result;
	struct percpu_slab *slab;
	unsigned int count;
};

static void *places[2 + TABLE];	/* the CPUs 0..., behind those that are none */
static void **const table = places + 2;
static struct percpu_slab none, busy, *slab[3];
static unsigned int cls;
static uintptr_t off;

static struct hand mine, others;
static struct percpu_slab *away;	/* taken from @away_cpu by the handler */
static struct percpu_slab *spare;	/* in no table */
static int cpus[2], here;		/* where the thread may be, and is: 0, 1 */
static int away_cpu;

/* The sequence under test, each one once in this program. */
#define ALONE	__attribute__((noinline, noclone, noipa))

static ALONE void *seq_pop_small(uintptr_t at)
{
	return rseq_pop_small(at, table, IDX);
}

static ALONE void *seq_pop(uintptr_t at)
{
	return rseq_pop(at, table, cls);
}

static ALONE bool seq_push(uintptr_t at, void *obj)
{
	return rseq_push(at, table, cls, obj);
}

static ALONE unsigned int seq_pop_batch(uintptr_t at, void **objs)
{
	return rseq_pop_batch(at, table, cls, objs, BATCH);
}

static ALONE unsigned int seq_push_batch(uintptr_t at, void **objs)
{
	return rseq_push_batch(at, table, cls, objs, BATCH);
}

static ALONE bool seq_take(uintptr_t at, void **obj, uint8_t **beside)
{
	return rseq_take(at, table, PERCPU_KEPT_CLASS + KEPT, obj, beside);
}

static ALONE bool seq_keep(uintptr_t at, void *obj, uint8_t *beside)
{
	return rseq_keep(at, table, PERCPU_KEPT_CLASS + KEPT, obj, beside);
}

static ALONE void *seq_detach(uintptr_t at, long *cpu)
{
	return rseq_detach(at, table, &none, &busy, cpu);
}

static const uintptr_t functions[KINDS] = {
	[POP_SMALL] = (uintptr_t)seq_pop_small,
	[POP] = (uintptr_t)seq_pop,
	[PUSH] = (uintptr_t)seq_push,
	[POP_BATCH] = (uintptr_t)seq_pop_batch,
	[PUSH_BATCH] = (uintptr_t)seq_push_batch,
	[TAKE_KEPT] = (uintptr_t)seq_take,
	[KEEP] = (uintptr_t)seq_keep,
	[DETACH] = (uintptr_t)seq_detach,
};

/* Is it about the place of a large object, and not about a stack? */
static bool of_place;

/* What is beside a large object: follows from it, to see that they stay together. */
static uint8_t *beside_of(void *obj)
{
	return (uint8_t *)obj + 7;
}

static unsigned int count_of(const struct percpu_slab *s)
{
	return of_place ? slab_keeps(s, KEPT) : slab_count(s, cls);
}

static unsigned int room_of(const struct percpu_slab *s)
{
	if (of_place)
		return slab_kept(s, KEPT) == SLAB_KEPT_NONE;
	return (unsigned int)(s->end[cls] - s->cur[cls]);
}

static void *object_of(const struct percpu_slab *s, unsigned int i)
{
	return of_place ? (void *)slab_kept(s, KEPT) : s->cur[cls][-(int)i];
}

/* For those who do not test these sequences but use them. */
static void *take_beside(uintptr_t at)
{
	uint8_t *beside;
	void *p;

	if (!seq_take(at, &p, &beside))
		return NULL;
	if (beside != beside_of(p))
		abort();
	return p;
}

static const struct cs *cs_of(enum kind kind)
{
	const struct cs *cs, *found = NULL;

	for (cs = __start___rseq_cs; cs < __stop___rseq_cs; cs++)
		if (cs->start > functions[kind] &&
		    (!found || cs->start < found->start))
			found = cs;
	return found;
}

/*
 * What a sequence finds now, and so what it has to do.  A stack's objects come
 * from its top; what is given goes from the top of the hand.
 */
static struct expect expect_of(enum kind kind)
{
	struct percpu_slab *s = table[cpus[here]];
	struct expect e = { .slab = s, .count = count_of(s) };
	struct result *r = &e.result;
	unsigned int room, want, i;

	if (kind == DETACH) {
		if (s != &none && s != &busy)
			*r = (struct result){ 1, { s } };
		return e;
	}
	room = room_of(s);
	want = kind == POP_BATCH || kind == PUSH_BATCH ? BATCH : 1;
	if (kind == PUSH || kind == PUSH_BATCH || kind == KEEP) {
		r->n = room < want ? room : want;
		for (i = 0; i < r->n; i++)
			r->objs[i] = mine.objs[mine.n - 1 - i];
		e.count += r->n;
	} else {
		r->n = e.count < want ? e.count : want;
		for (i = 0; i < r->n; i++)
			r->objs[i] = object_of(s, i);
		e.count -= r->n;
	}
	return e;
}

/* Run a sequence with the area at @at. */
static struct result run_at(enum kind kind, uintptr_t at)
{
	void *given[BATCH];
	struct result r = {};
	unsigned int i;
	long cpu = -1;

	for (i = 0; i < BATCH && i < mine.n; i++)
		given[i] = mine.objs[mine.n - 1 - i];
	switch (kind) {
	case POP_SMALL:
		r.objs[0] = seq_pop_small(at);
		r.n = !!r.objs[0];
		break;
	case POP:
		r.objs[0] = seq_pop(at);
		r.n = !!r.objs[0];
		break;
	case PUSH:
		r.n = seq_push(at, given[0]);
		break;
	case POP_BATCH:
		r.n = seq_pop_batch(at, r.objs);
		break;
	case PUSH_BATCH:
		r.n = seq_push_batch(at, given);
		break;
	case TAKE_KEPT:
		r.objs[0] = take_beside(at);
		r.n = !!r.objs[0];
		break;
	case KEEP:
		r.n = seq_keep(at, given[0], beside_of(given[0]));
		break;
	case DETACH:
		r.objs[0] = seq_detach(at, &cpu);
		r.n = !!r.objs[0];
		if (r.n) {
			spare = r.objs[0];
			spare->cpu = (int)cpu;
		}
		break;
	case KINDS:
		break;
	}
	if (kind == PUSH || kind == PUSH_BATCH || kind == KEEP) {
		memcpy(r.objs, given, sizeof(given));
		mine.n -= r.n;
	} else if (kind != DETACH) {
		for (i = 0; i < r.n; i++)
			mine.objs[mine.n++] = r.objs[i];
	}
	for (i = r.n; i < BATCH; i++)
		r.objs[i] = NULL;
	return r;
}

/* The others: by the same sequences, on the CPU where the thread is. */
static void others_take(void)
{
	void *p = of_place ? take_beside(off) : seq_pop(off);

	if (p)
		others.objs[others.n++] = p;
}

static bool others_give(void)
{
	void *p;

	if (!others.n)
		return false;
	p = others.objs[others.n - 1];
	if (of_place ? !seq_keep(off, p, beside_of(p)) : !seq_push(off, p))
		return false;
	others.n--;
	return true;
}

static void others_empty(void)
{
	unsigned int n;

	if (of_place) {
		others_take();
		return;
	}
	do {
		n = seq_pop_batch(off, others.objs + others.n);
		others.n += n;
	} while (n);
}

static void move(void)
{
	cpu_set_t set;

	here = !here;
	if (RSEQ_PLAYED) {
		area.cpu_id = (uint32_t)cpus[here];
		return;
	}
	CPU_ZERO(&set);
	CPU_SET(cpus[here], &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		abort();
}

static void meddle(enum meddle what)
{
	long cpu;

	switch (what) {
	case NOTHING:
	case MEDDLES:
		break;
	case TAKE:
		others_take();
		break;
	case GIVE:
		others_give();
		break;
	case FILL:
		while (others_give())
			;
		break;
	case EMPTY:
		others_empty();
		break;
	case MOVE_AND_USE:
		others_take();
		move();
		others_empty();
		others_give();
		break;
	case MOVE:
		move();
		break;
	case AWAY:
	case SWAP:
		if (away)
			break;
		away = seq_detach(off, &cpu);
		if (!away)
			break;
		away_cpu = (int)cpu;
		/* it is its owner's alone now */
		others.n += slab_pop(away, cls, others.objs + others.n, 2);
		if (slab_keeps(away, KEPT)) {
			others.objs[others.n++] = (void *)away->kept[KEPT];
			away->kept[KEPT] = 0;
		}
		if (what == SWAP) {
			table[cpu] = spare;
			spare = NULL;
		}
		break;
	}
}

/* The breakpoint, and what the handler saw. */
static struct {
	enum kind kind;
	enum meddle meddle;
	unsigned int when;		/* 1: at the first hit, 2: the second */
	const struct cs *cs;
	uintptr_t at;			/* 0: none */
	unsigned char was[BREAK_BYTES];
	unsigned int hits, left;
	unsigned int odd;		/* not as the kernel has to, or as expected */
	bool committed;
	struct expect expect;
} point;

/* The sequence has done what it does. */
static void committed(void)
{
	const struct expect *e = &point.expect;

	if (!point.committed)
		point.odd += count_of(e->slab) != e->count;
	point.committed = true;
}

static void code_write(uintptr_t at, const void *code)
{
	memcpy((void *)at, code, BREAK_BYTES);
	__builtin___clear_cache((char *)at, (char *)at + BREAK_BYTES);
}

static void point_set(uintptr_t at)
{
#if defined(__x86_64__)
	static const unsigned char code[] = { 0xcc };
#else
	static const unsigned char code[] = { 0x00, 0x00, 0x20, 0xd4 };
#endif
	memcpy(point.was, (void *)at, BREAK_BYTES);
	code_write(at, code);
	point.at = at;
}

static void point_clear(void)
{
	if (point.at)
		code_write(point.at, point.was);
	point.at = 0;
}

/* Where x86-64's instructions begin, of the kind under test. */
static uintptr_t pcs[MAX_PCS];
static unsigned int npcs;
static bool stepping;

static void pc_add(uintptr_t pc)
{
	unsigned int i;

	for (i = 0; i < npcs; i++)
		if (pcs[i] == pc)
			return;
	if (npcs < MAX_PCS)
		pcs[npcs++] = pc;
}

static void on_trap(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uintptr_t at = point.at, pc = (uintptr_t)PC(uc);
	uintptr_t post = point.cs->start + point.cs->length, to;

	(void)sig;
	(void)info;
	if (stepping) {
		if (pc >= functions[point.kind] && pc <= post)
			pc_add(pc);
		return;
	}
	point_clear();
	point.hits++;
	if (RSEQ_PLAYED) {
		to = area_interrupt(at);
		if (to != at)
			pc = PC(uc) = to;
	}
	if (at >= point.cs->start && at < post) {
		/* the kernel has sent it to the place behind the signature */
		point.odd += pc != point.cs->abort;
	} else {
#if defined(__x86_64__)
		pc -= BREAK_BYTES;
#endif
		point.odd += pc != at;
		PC(uc) = at;
	}
	if (at == post)
		committed();
	if (point.when & point.hits)
		meddle(point.meddle);
	if (!point.committed)
		point.expect = expect_of(point.kind);
	if (--point.left)
		point_set(at);
}

#if defined(__x86_64__)
#define TRAP_FLAG	0x100

static void instructions_of(enum kind kind)
{
	area.cpu_id = (uint32_t)cpus[here];
	stepping = true;
	__builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() |
				       TRAP_FLAG);
	run_at(kind, area_off());
	__builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() &
				       ~(unsigned long long)TRAP_FLAG);
	stepping = false;
}
#else
static void instructions_of(enum kind kind)
{
	uintptr_t pc;

	for (pc = functions[kind];
	     pc <= point.cs->start + point.cs->length; pc += BREAK_BYTES)
		pc_add(pc);
}
#endif

/* A place that is closed, empty or full, for so many objects in a stack. */
static void lay_place(struct percpu_slab *s, unsigned int n, uintptr_t *next)
{
	s->kept[KEPT] = !!n;
	if (n <= 1)
		return;
	s->kept[KEPT] = *next;
	s->kept_at[KEPT] = beside_of((void *)*next);
	*next += 64;
}

/* The two CPUs with @n objects each, the spare slab with two, and the hands. */
static void lay_out(unsigned int n)
{
	static const unsigned int more = 2;
	unsigned int i, k;
	uintptr_t next = 64;

	for (i = 0; i < 2 + TABLE; i++)
		places[i] = &none;
	for (i = 0; i < 3; i++) {
		struct hand h = {};

		memset(slab[i], 0, PERCPU_SLAB_BYTES);
		slab_init(slab[i], PERCPU_SLAB_BYTES);
		slab_resize(slab[i], cls, CAP);
		for (k = 0; k < (i == 2 ? more : n); k++, next += 64)
			h.objs[h.n++] = (void *)next;
		slab_push(slab[i], cls, h.objs, h.n);
		if (of_place)
			lay_place(slab[i], i == 2 ? more : n, &next);
	}
	if (here)
		move();
	slab[0]->cpu = cpus[0];
	table[cpus[0]] = slab[0];
	if (cpus[1] != cpus[0])
		table[cpus[1]] = slab[1];
	spare = slab[2];
	away = NULL;
	mine.n = 0;
	others.n = 0;
	for (k = 0; k < BATCH; k++, next += 64)
		mine.objs[mine.n++] = (void *)next;
	for (; next <= OBJS * 64; next += 64)
		others.objs[others.n++] = (void *)next;
}

/* Objects that are not in one place, and slabs that are broken. */
static unsigned int wrong(void)
{
	static unsigned char seen[OBJS + 1];
	unsigned int bad = 0, i, k;

	memset(seen, 0, sizeof(seen));
	for (i = 0; i < 3; i++) {
		bad += !slab_is_valid(slab[i]);
		for (k = 0; k < slab_count(slab[i], cls); k++)
			seen[(uintptr_t)slab[i]->cur[cls][-(int)k] / 64]++;
		if (slab_keeps(slab[i], KEPT)) {
			void *p = (void *)slab[i]->kept[KEPT];

			seen[(uintptr_t)p / 64]++;
			bad += slab[i]->kept_at[KEPT] != beside_of(p);
		}
	}
	for (i = 0; i < mine.n; i++)
		seen[(uintptr_t)mine.objs[i] / 64]++;
	for (i = 0; i < others.n; i++)
		seen[(uintptr_t)others.objs[i] / 64]++;
	for (i = 1; i <= OBJS; i++)
		bad += seen[i] != 1;
	return bad;
}

static const char *why_not(void)
{
	const unsigned int *size = &__rseq_size;

	return RSEQ_PLAYED || (size && *size) ? NULL : "no restartable sequences here";
}

FIXTURE(rseq) {
	int unused;
};

FIXTURE_VARIANT(rseq) {
	enum kind kind;
};

FIXTURE_VARIANT_ADD(rseq, pop_small) { .kind = POP_SMALL };
FIXTURE_VARIANT_ADD(rseq, pop) { .kind = POP };
FIXTURE_VARIANT_ADD(rseq, push) { .kind = PUSH };
FIXTURE_VARIANT_ADD(rseq, pop_batch) { .kind = POP_BATCH };
FIXTURE_VARIANT_ADD(rseq, push_batch) { .kind = PUSH_BATCH };
FIXTURE_VARIANT_ADD(rseq, take) { .kind = TAKE_KEPT };
FIXTURE_VARIANT_ADD(rseq, keep) { .kind = KEEP };
FIXTURE_VARIANT_ADD(rseq, detach) { .kind = DETACH };

/* From an empty stack to a full one. */
static const unsigned int fills[] = { 0, 1, BATCH, CAP - 1, CAP };

FIXTURE_SETUP(rseq)
{
	struct sigaction sa = {
		.sa_sigaction = on_trap,
		.sa_flags = SA_SIGINFO,
	};
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t low = functions[0], high = functions[0];
	unsigned int i, n = 0;
	cpu_set_t set;

	off = RSEQ_PLAYED ? area_off() : (uintptr_t)__rseq_offset;
	ASSERT_EQ(KINDS, __stop___rseq_cs - __start___rseq_cs);
	for (i = 0; i < KINDS; i++) {
		const struct cs *cs = cs_of(i);

		ASSERT_NE(NULL, cs);
		low = functions[i] < low ? functions[i] : low;
		high = cs->start + cs->length > high ?
			cs->start + cs->length : high;
	}
	low &= -page;
	ASSERT_EQ(0, mprotect((void *)low, (high | (page - 1)) + 1 - low,
			      PROT_READ | PROT_WRITE | PROT_EXEC));

	ASSERT_EQ(0, sched_getaffinity(0, sizeof(set), &set));
	for (i = 0; i < CPU_SETSIZE && n < 2; i++)
		if (RSEQ_PLAYED || CPU_ISSET(i, &set))
			cpus[n++] = (int)i;
	if (n == 1)
		cpus[1] = cpus[0];
	for (i = 0; i < 3; i++) {
		slab[i] = aligned_alloc(4096, PERCPU_SLAB_BYTES);
		ASSERT_NE(NULL, slab[i]);
	}
	slab_close(&none);
	slab_close(&busy);
	cls = sizeclass_small[IDX];
	ASSERT_EQ(0, sigaction(SIGTRAP, &sa, NULL));
	here = 1;
	move();

	of_place = variant->kind == TAKE_KEPT || variant->kind == KEEP;
	point.kind = variant->kind;
	point.cs = cs_of(variant->kind);
	npcs = 0;
	for (i = 0; i < ARRAY_SIZE(fills); i++) {
		lay_out(fills[i]);
		instructions_of(variant->kind);
	}
	ASSERT_LT(10, npcs);
	ASSERT_GT(MAX_PCS, npcs);
}

FIXTURE_TEARDOWN(rseq)
{
}

/* Run a sequence that is interrupted at @pc.  Did all go well? */
static bool interrupted(enum kind kind, uintptr_t pc)
{
	struct result r;

	point.hits = 0;
	point.left = 2;
	point.committed = false;
	point.expect = expect_of(kind);
	point_set(pc);
	r = run_at(kind, off);
	point_clear();
	committed();
	if (kind == DETACH && r.n && table[spare->cpu] != &busy)
		return false;
	return !point.odd && !wrong() &&
		r.n == point.expect.result.n &&
		!memcmp(point.expect.result.objs, r.objs, sizeof(r.objs));
}

static void interrupt(struct __test_metadata *_metadata, enum kind kind,
		      enum meddle first, enum meddle last)
{
	const unsigned int ways = (last - first + 1) * 3;
	unsigned int i, k, way, hits, met = 0;

	for (i = 0; i < npcs; i++) {
		hits = 0;
		for (k = 0; k < ARRAY_SIZE(fills) * ways; k++) {
			way = k % ways;
			lay_out(fills[k / ways]);
			point.meddle = first + way / 3;
			point.when = 1 + way % 3;
			ASSERT_TRUE(interrupted(kind, pcs[i])) {
				TH_LOG("instruction %u, fill %u, meddle %u %u",
				       i, fills[k / ways], point.meddle,
				       point.when);
			}
			hits += point.hits;
		}
		met += !!hits;
	}
	ASSERT_EQ(npcs, met);
}

/* What is on top of its stack already: an object that is freed twice. */
static bool twice(void)
{
	lay_out(1);
	return !seq_push(off, *slab[0]->cur[cls]) &&
		slab_count(slab[0], cls) == 1;
}

TEST_F(rseq, interrupted_on_its_cpu)
{
	ASSERT_TRUE(variant->kind != PUSH || twice());
	interrupt(_metadata, variant->kind, NOTHING, EMPTY);
}

TEST_F(rseq, its_slab_taken)
{
	interrupt(_metadata, variant->kind, AWAY, SWAP);
}

TEST_F(rseq, moved_to_another_cpu)
{
	if (cpus[0] == cpus[1])
		SKIP(return, "one CPU only");
	interrupt(_metadata, variant->kind, MOVE, MOVE_AND_USE);
}

TEST_HARNESS_MAIN_UNLESS(why_not)
