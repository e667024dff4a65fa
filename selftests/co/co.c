// SPDX-License-Identifier: GPL-2.0-only
/*
 * co: making, resuming, yielding, walking and parking coroutines.
 */
#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shim_co.h>
#include <shim_stack.h>

#include "child.h"
#include "patience.h"
#include "watched.h"

static void *count_up(void *arg)
{
	intptr_t n, max = (intptr_t)arg;

	for (n = 1; n < max; n++)
		if (shim_co_yield((void *)n) != (void *)(n * 10))
			return (void *)-1;
	return (void *)max;
}

TEST(values)
{
	struct shim_co *co = shim_co_new(count_up, (void *)5, NULL);
	intptr_t n, v = 0;

	EXPECT_EQ(SHIM_CO_NEW, shim_co_state(co));
	for (n = 1; n < 5; n++) {
		v = (intptr_t)shim_co_resume(co, (void *)((n - 1) * 10));
		EXPECT_EQ(n, v);
		EXPECT_EQ(SHIM_CO_SUSPENDED, shim_co_state(co));
	}
	EXPECT_EQ((void *)5, shim_co_resume(co, (void *)40));
	EXPECT_EQ(SHIM_CO_DONE, shim_co_state(co));
	errno = 0;
	EXPECT_EQ(NULL, shim_co_resume(co, NULL));
	EXPECT_EQ(EINVAL, errno);
	shim_co_free(co);
	shim_co_free(NULL);
}

TEST(bad_arguments)
{
	struct shim_co_attr attr = { .flags = 0x80 };

	errno = 0;
	EXPECT_EQ(NULL, shim_co_new(NULL, NULL, NULL));
	EXPECT_EQ(EINVAL, errno);
	errno = 0;
	EXPECT_EQ(NULL, shim_co_new(count_up, NULL, &attr));
	EXPECT_EQ(EINVAL, errno);
	attr = (struct shim_co_attr){ .stack = (size_t)2 << 30 };
	errno = 0;
	EXPECT_EQ(NULL, shim_co_new(count_up, NULL, &attr));
	EXPECT_EQ(EINVAL, errno);
	errno = 0;
	EXPECT_EQ(NULL, shim_co_yield(NULL));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, shim_co_self());
}

static struct shim_co *outer_co;

static void *inner(void *arg)
{
	(void)arg;
	if (shim_co_state(outer_co) != SHIM_CO_RESUMING)
		return (void *)1;
	/* nobody may resume a coroutine that waits for the one it resumed */
	errno = 0;
	if (shim_co_resume(outer_co, NULL) || errno != EINVAL)
		return (void *)2;
	if (shim_co_resume(shim_co_self(), NULL) || errno != EINVAL)
		return (void *)3;
	shim_co_yield(NULL);
	return NULL;
}

static void *outer(void *arg)
{
	struct shim_co *co = shim_co_new(inner, arg, NULL);
	void *v = shim_co_resume(co, NULL);

	if (v || shim_co_self() != outer_co)
		return (void *)4;
	v = shim_co_resume(co, NULL);
	shim_co_free(co);
	return v;
}

TEST(nested)
{
	outer_co = shim_co_new(outer, NULL, NULL);
	EXPECT_EQ(NULL, shim_co_resume(outer_co, NULL));
	EXPECT_EQ(SHIM_CO_DONE, shim_co_state(outer_co));
	shim_co_free(outer_co);
}

#if defined(__x86_64__)
/*
 * Yield with a known value in each register that a call preserves.  The result
 * is what is there afterwards, XORed with those values.  The compiler does not
 * know of the call, so it steps over the red zone.
 */
static uint64_t yield_with(uint64_t seed)
{
	static uint64_t r[6];	/* static: no register is left for it */

	r[5] = seed;
	__asm__ volatile("movq %[seed], %%rbx\n\t"
			 "leaq 1(%%rbx), %%r12\n\t"
			 "leaq 2(%%rbx), %%r13\n\t"
			 "leaq 3(%%rbx), %%r14\n\t"
			 "leaq 4(%%rbx), %%r15\n\t"
			 "xorl %%edi, %%edi\n\t"
			 "leaq -128(%%rsp), %%rsp\n\t"
			 "pushq %%rbp\n\t"
			 "movq %%rsp, %%rbp\n\t"
			 "andq $-16, %%rsp\n\t"
			 "call shim_co_yield\n\t"
			 "movq %%rbp, %%rsp\n\t"
			 "popq %%rbp\n\t"
			 "leaq 128(%%rsp), %%rsp\n\t"
			 "movq %%rbx, %[b]\n\t"
			 "movq %%r12, %[c]\n\t"
			 "movq %%r13, %[d]\n\t"
			 "movq %%r14, %[e]\n\t"
			 "movq %%r15, %[f]\n\t"
			 : [b] "=m"(r[0]), [c] "=m"(r[1]), [d] "=m"(r[2]),
			   [e] "=m"(r[3]), [f] "=m"(r[4])
			 : [seed] "m"(r[5])
			 : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9",
			   "r10", "r11", "r12", "r13", "r14", "r15", "memory",
			   "cc");
	return (r[0] ^ seed) | (r[1] ^ (seed + 1)) | (r[2] ^ (seed + 2)) |
	       (r[3] ^ (seed + 3)) | (r[4] ^ (seed + 4));
}
#elif defined(__aarch64__)
/* The same for x19 to x28 and d8 to d15. */
static uint64_t yield_with(uint64_t seed)
{
	uint64_t changed;

	__asm__ volatile("ldr x19, %[seed]\n\t"
			 ".irp n, 20, 21, 22, 23, 24, 25, 26, 27, 28\n\t"
			 "add x\\n, x19, #\\n\n\t"
			 ".endr\n\t"
			 ".irp n, 8, 9, 10, 11, 12, 13, 14, 15\n\t"
			 "add x0, x19, #\\n\n\t"
			 "fmov d\\n, x0\n\t"
			 ".endr\n\t"
			 "mov x0, xzr\n\t"
			 "bl shim_co_yield\n\t"
			 "ldr x1, %[seed]\n\t"
			 "eor x0, x19, x1\n\t"
			 ".irp n, 20, 21, 22, 23, 24, 25, 26, 27, 28\n\t"
			 "add x2, x1, #\\n\n\t"
			 "eor x2, x2, x\\n\n\t"
			 "orr x0, x0, x2\n\t"
			 ".endr\n\t"
			 ".irp n, 8, 9, 10, 11, 12, 13, 14, 15\n\t"
			 "add x2, x1, #\\n\n\t"
			 "fmov x3, d\\n\n\t"
			 "eor x2, x2, x3\n\t"
			 "orr x0, x0, x2\n\t"
			 ".endr\n\t"
			 "str x0, %[changed]\n\t"
			 : [changed] "=m"(changed)
			 : [seed] "m"(seed)
			 : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8",
			   "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
			   "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24",
			   "x25", "x26", "x27", "x28", "x30", "d8", "d9", "d10",
			   "d11", "d12", "d13", "d14", "d15", "memory", "cc");
	return changed;
}
#endif

#if defined(__x86_64__) || defined(__aarch64__)

static void *registers(void *arg)
{
	uint64_t seed = (uintptr_t)arg;
	int i;

	for (i = 0; i < 10; i++)
		if (yield_with(seed << 32 | (unsigned int)i))
			return (void *)1;
	return NULL;
}

TEST(callee_saved)
{
	struct shim_co *a = shim_co_new(registers, (void *)0x1234567, NULL);
	struct shim_co *b = shim_co_new(registers, (void *)0x7654321, NULL);

	while (shim_co_state(a) != SHIM_CO_DONE) {
		ASSERT_EQ(NULL, shim_co_resume(a, NULL));
		ASSERT_EQ(NULL, shim_co_resume(b, NULL));
	}
	EXPECT_EQ(SHIM_CO_DONE, shim_co_state(b));
	shim_co_free(a);
	shim_co_free(b);
}
#endif

/*
 * The rounding mode belongs to the coroutine; a new one inherits its maker's.
 */
static void *rounding(void *arg)
{
	int own = (int)(intptr_t)arg;

	if (fegetround() != FE_TONEAREST)
		return (void *)1;
	fesetround(own);
	shim_co_yield(NULL);
	return fegetround() == own ? NULL : (void *)2;
}

TEST(fp_state)
{
	struct shim_co *a = shim_co_new(rounding, (void *)FE_UPWARD, NULL);
	struct shim_co *b = shim_co_new(rounding, (void *)FE_DOWNWARD, NULL);

	EXPECT_EQ(NULL, shim_co_resume(a, NULL));
	EXPECT_EQ(FE_TONEAREST, fegetround());
	EXPECT_EQ(NULL, shim_co_resume(b, NULL));
	EXPECT_EQ(FE_TONEAREST, fegetround());
	EXPECT_EQ(NULL, shim_co_resume(a, NULL));
	EXPECT_EQ(NULL, shim_co_resume(b, NULL));
	EXPECT_EQ(FE_TONEAREST, fegetround());
	shim_co_free(a);
	shim_co_free(b);
}

/* SSE needs aligned stacks. */
static void *aligned(void *arg)
{
	char buf[64] __attribute__((aligned(16)));

	(void)arg;
	snprintf(buf, sizeof(buf), "%f", 1.5);
	return (void *)(((uintptr_t)buf & 15) | (strncmp(buf, "1.5", 3) != 0));
}

TEST(alignment)
{
	struct shim_co *co = shim_co_new(aligned, NULL, NULL);

	EXPECT_EQ(NULL, shim_co_resume(co, NULL));
	shim_co_free(co);
}

static __attribute__((noinline)) long deep(long n)
{
	volatile long keep = n;

	return n ? deep(n - 1) + (keep == n) : 0;
}

static void *recurse(void *arg)
{
	return (void *)deep((long)(intptr_t)arg);
}

TEST(recursion_million)
{
	struct shim_co_attr attr = { .stack = (size_t)200 << 20 };
	struct shim_co *co;

	SKIP_IF_TSAN("ThreadSanitizer keeps 65,536 calls at most");
	co = shim_co_new(recurse, (void *)1000000, &attr);
	ASSERT_NE(NULL, co);
	EXPECT_EQ((void *)1000000, shim_co_resume(co, NULL));
	EXPECT_LE((size_t)16 << 20, shim_co_depth(co));
	shim_co_free(co);
}

static int count_one(struct shim_co *co, void *arg)
{
	(void)co;
	++*(int *)arg;
	return 0;
}

static int find_name(struct shim_co *co, void *arg)
{
	return !strcmp(shim_co_name(co), arg);
}

static void *yields(void *arg)
{
	shim_co_yield(NULL);
	return arg;
}

TEST(names_and_each)
{
	struct shim_co_attr attr = { .name = "a rather long name, cut here?" };
	struct shim_co *co[3];
	void *low, *high;
	int i, n = 0;

	for (i = 0; i < 3; i++)
		co[i] = shim_co_new(yields, NULL, &attr);
	EXPECT_STREQ("a rather long name, cut", shim_co_name(co[0]));
	shim_co_set_name(co[1], "b");
	EXPECT_EQ(0, shim_co_each(count_one, &n));
	EXPECT_EQ(3, n);
	EXPECT_EQ(1, shim_co_each(find_name, "b"));
	EXPECT_EQ(0, shim_co_each(find_name, "c"));
	shim_co_resume(co[0], NULL);
	EXPECT_EQ(0, shim_co_range(co[0], &low, &high));
	EXPECT_LT((char *)low, (char *)high);
	EXPECT_GT(4096, (char *)high - (char *)low);
	shim_co_resume(co[0], NULL);
	EXPECT_EQ(-1, shim_co_range(co[0], &low, &high));
	for (i = 0; i < 3; i++)
		shim_co_free(co[i]);
	n = 0;
	shim_co_each(count_one, &n);
	EXPECT_EQ(0, n);
}

static void *goes_deep(void *arg)
{
	deep((long)(intptr_t)arg);
	shim_co_yield(NULL);
	return arg;
}

TEST(trim)
{
	/* large enough for the frames of the address sanitizer, too */
	struct shim_co_attr attr = { .stack = 900 << 10 };
	struct shim_co *co = shim_co_new(goes_deep, (void *)3000, &attr);
	size_t depth, less;

	shim_co_resume(co, NULL);
	depth = shim_co_depth(co);
	EXPECT_LE(3000 * 16, depth);
	less = shim_co_trim(co);
	EXPECT_LE(depth / 2 - 4096, less);
	EXPECT_EQ(depth - less, shim_co_depth(co));
	EXPECT_EQ((void *)3000, shim_co_resume(co, NULL));
	shim_co_free(co);
}

static void *inner_pointers(void *arg)
{
	int values[10], *into = &values[5], i;

	for (i = 0; i < 10; i++)
		values[i] = i;
	shim_co_yield(NULL);
	for (i = 0; i < 10; i++)
		if (into != &values[5] || values[i] != i)
			return (void *)1;
	return arg;
}

TEST(park)
{
	struct shim_co_attr attr = { .name = "parked" };
	struct shim_co *co = shim_co_new(inner_pointers, NULL, &attr);
	struct shim_co_stat st;
	void *low, *high, *low2, *high2;
	int round;

	SKIP_IF_WATCHED("a watched stack is not parked");
	EXPECT_EQ(-1, shim_co_park(co));
	EXPECT_EQ(EINVAL, errno);
	shim_co_resume(co, NULL);
	EXPECT_EQ(4096, shim_co_depth(co));
	shim_co_range(co, &low, &high);
	for (round = 0; round < 2; round++) {
		EXPECT_EQ(0, shim_co_park(co));
		EXPECT_EQ(0, shim_co_depth(co));
	}
	EXPECT_STREQ("parked", shim_co_name(co));
	EXPECT_EQ(0, shim_co_range(co, &low2, &high2));
	EXPECT_EQ((char *)high - (char *)low, (char *)high2 - (char *)low2);
	shim_co_get_stat(&st);
	EXPECT_EQ(1, st.coroutines[SHIM_CO_SUSPENDED]);
	EXPECT_EQ(1, st.parked);
	EXPECT_LE(200, st.parked_bytes);
	EXPECT_GE(1024, st.parked_bytes);
	EXPECT_EQ(0, shim_co_trim(co));
	EXPECT_EQ(NULL, shim_co_resume(co, NULL));
	EXPECT_EQ(SHIM_CO_DONE, shim_co_state(co));
	EXPECT_EQ(4096, shim_co_depth(co));
	shim_co_free(co);
}

static void *uses_a_page(void *arg)
{
	char page[4000];

	memset(page, 1, sizeof(page));
	shim_co_yield(page);
	return arg;
}

TEST(park_not_worth_it)
{
	struct shim_co *co = shim_co_new(uses_a_page, NULL, NULL);

	SKIP_IF_WATCHED("a watched stack is not parked");
	shim_co_resume(co, NULL);
	errno = 0;
	EXPECT_EQ(-1, shim_co_park(co));
	EXPECT_EQ(E2BIG, errno);
	shim_co_free(co);
}

static void *resume_elsewhere(void *arg)
{
	errno = 0;
	if (shim_co_resume(arg, NULL) || errno != EPERM)
		return (void *)1;
	if (shim_co_cancel(arg) != -1 || errno != EPERM)
		return (void *)2;
	return NULL;
}

static void *resume_here(void *arg)
{
	shim_co_resume(arg, NULL);
	shim_co_resume(arg, NULL);
	return NULL;
}

TEST(threads)
{
	struct shim_co *co = shim_co_new(yields, NULL, NULL);
	pthread_t t;
	void *ret;

	shim_co_resume(co, NULL);
	pthread_create(&t, NULL, resume_elsewhere, co);
	pthread_join(t, &ret);
	EXPECT_EQ(NULL, ret);
	shim_co_free(co);
	/* a coroutine that never ran may move to another thread */
	co = shim_co_new(yields, NULL, NULL);
	pthread_create(&t, NULL, resume_here, co);
	pthread_join(t, NULL);
	EXPECT_EQ(SHIM_CO_DONE, shim_co_state(co));
	shim_co_free(co);
}

TEST(forked)
{
	struct shim_co *co = shim_co_new(count_up, (void *)3, NULL);
	int status;
	pid_t pid;

	shim_co_resume(co, NULL);
	pid = fork();
	if (!pid)
		_exit(shim_co_resume(co, (void *)10) != (void *)2 ||
		      shim_co_resume(co, (void *)20) != (void *)3);
	waitpid(pid, &status, 0);
	EXPECT_EQ(0, status);
	EXPECT_EQ((void *)2, shim_co_resume(co, (void *)10));
	EXPECT_EQ((void *)3, shim_co_resume(co, (void *)20));
	shim_co_free(co);
}

static volatile long ticks;

static void tick(int sig)
{
	(void)sig;
	ticks++;
}

/*
 * Signal handlers run on whatever stack is current, between any two
 * instructions.
 */
TEST(signals)
{
	struct itimerval every = { { 0, 200 }, { 0, 200 } }, never = { 0 };
	struct shim_co *co[4];
	intptr_t n;
	int i;

	signal(SIGALRM, tick);
	setitimer(ITIMER_REAL, &every, NULL);
	while (ticks < 500) {
		for (i = 0; i < 4; i++)
			co[i] = shim_co_new(count_up, (void *)100, NULL);
		for (n = 1; n <= 100; n++)
			for (i = 0; i < 4; i++)
				ASSERT_EQ((void *)n,
					  shim_co_resume(co[i], (void *)
							 ((n - 1) * 10)));
		for (i = 0; i < 4; i++)
			shim_co_free(co[i]);
	}
	setitimer(ITIMER_REAL, &never, NULL);
}

static void overflow(void)
{
	struct shim_co_attr attr = { .stack = 12 << 10, .name = "greedy" };

	shim_co_resume(shim_co_new(recurse, (void *)1000000, &attr), NULL);
}

static void *overflow_thread(void *arg)
{
	shim_co_resume(arg, NULL);
	return NULL;
}

static void overflow_in_thread(void)
{
	struct shim_co_attr attr = { .stack = 12 << 10, .name = "threaded" };
	pthread_t t;

	pthread_create(&t, NULL, overflow_thread,
		       shim_co_new(recurse, (void *)1000000, &attr));
	pthread_join(t, NULL);
}

static void *frees_itself(void *arg)
{
	shim_co_free(shim_co_self());
	return arg;
}

static void free_running(void)
{
	shim_co_resume(shim_co_new(frees_itself, NULL, NULL), NULL);
}

TEST(misuse)
{
	char said[16384];
	int status;

	status = child(overflow, said, sizeof(said));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	EXPECT_NE(NULL, strstr(said, "stack overflow: coroutine greedy: all 12288 bytes are used"));
	status = child(overflow_in_thread, said, sizeof(said));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	EXPECT_NE(NULL, strstr(said, "coroutine threaded"));
	status = child(free_running, said, sizeof(said));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	EXPECT_NE(NULL, strstr(said, "not ended"));
}

TEST_HARNESS_MAIN
