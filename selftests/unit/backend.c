// SPDX-License-Identifier: GPL-2.0-only
/*
 * The backends on the running kernel: anonymous memory always, the module where
 * /dev/hugearena is.  selftests/shim has this program, too, and with it the VM,
 * where the module is.  Blocks are joined from Linux 6.1 on, which is the oldest
 * kernel that this is tried on.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/patience.h"

#include "backend/backend.h"
#include "base/conf.h"
#include "base/pagemap.h"

#define OS_PAGE		((size_t)4096)
#define MIB		((size_t)1 << 20)

FIXTURE(backend)
{
	const struct backend_ops *ops;
	enum backend_id id;
};

FIXTURE_VARIANT(backend)
{
	enum backend_id id;
};

FIXTURE_VARIANT_ADD(backend, thp)
{
	.id = BACKEND_THP,
};

FIXTURE_VARIANT_ADD(backend, kmod)
{
	.id = BACKEND_KMOD,
};

FIXTURE_SETUP(backend)
{
	self->id = variant->id;
	self->ops = backend_ops(variant->id);
	shim_conf.backend = SHIM_BACKEND_AUTO;
	if (variant->id == BACKEND_KMOD &&
	    access("/dev/hugearena", R_OK | W_OK))
		self->ops = NULL;
	else if (variant->id == BACKEND_KMOD)
		ASSERT_EQ(BACKEND_KMOD, backend_first());
}

FIXTURE_TEARDOWN(backend)
{
}

/* A test of one backend, skipped where that backend is not available. */
#define BACKEND_TEST(name)						\
	static void name(struct __test_metadata *_metadata,		\
			 FIXTURE_DATA(backend) * self);			\
	TEST_F(backend, name)						\
	{								\
		if (!self->ops)						\
			SKIP(return, "no /dev/hugearena here");		\
		name(_metadata, self);					\
	}								\
	static void name(struct __test_metadata *_metadata,		\
			 FIXTURE_DATA(backend) * self)

static uintptr_t grow(enum backend_id id, size_t len)
{
	size_t got = 0;
	uintptr_t p = backend_grow(id, len, len, true, &got);

	return got == len ? p : 0;
}

static bool is_zero(uintptr_t p, size_t len)
{
	size_t i;

	for (i = 0; i < len / 8; i++)
		if (((uint64_t *)p)[i])
			return false;
	return true;
}

/* Resident bytes of a mapping, by the kernel's page tables. */
static size_t resident(uintptr_t p, size_t len)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	size_t i, n = 0;
	uint64_t e;

	for (i = 0; i < len / OS_PAGE; i++)
		if (pread(fd, &e, 8, (off_t)((p / OS_PAGE + i) * 8)) == 8)
			n += (e >> 63) * OS_PAGE;
	close(fd);
	return n;
}

BACKEND_TEST(grows_upwards)
{
	uintptr_t a, b, c;
	size_t got;

	a = grow(self->id, 64 * MIB);
	b = grow(self->id, 2 * MIB);
	c = backend_grow(self->id, 2 * MIB, 128 * MIB, true, &got);
	ASSERT_NE(0, a);
	EXPECT_EQ(0, a % BLOCK_SIZE);
	EXPECT_EQ(a + 64 * MIB, b);
	EXPECT_EQ(b + 2 * MIB, c);
	EXPECT_EQ(128 * MIB, got);
	ASSERT_TRUE(self->ops->whole(a, 4 * MIB));
	EXPECT_TRUE(is_zero(a, 4 * MIB));
	memset((void *)a, 1, 4 * MIB);
}

/* Another mapping is in the place of the next step. */
BACKEND_TEST(goes_around_others)
{
	uintptr_t a = grow(self->id, 2 * MIB), b;
	char *other;

	ASSERT_NE(0, a);
	other = mmap((void *)(a + 2 * MIB), OS_PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ASSERT_EQ((char *)a + 2 * MIB, other);
	*other = 'x';
	b = grow(self->id, 64 * MIB);
	ASSERT_NE(0, b);
	ASSERT_TRUE(self->ops->whole(b, 2 * MIB));
	memset((void *)b, 1, 2 * MIB);
	EXPECT_EQ('x', *other);
}

BACKEND_TEST(limit_on_address_space)
{
	struct rlimit old, rl;
	uintptr_t p;

	ASSERT_EQ(0, getrlimit(RLIMIT_AS, &old));
	rl = old;
	rl.rlim_cur = 512 * MIB;
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &rl));
	p = grow(self->id, 64 * MIB);
	EXPECT_NE(0, p);
	EXPECT_EQ(0, grow(self->id, 1024 * MIB));
	p = grow(self->id, 2 * MIB);
	EXPECT_NE(0, p);
}

/*
 * Under a limit from the start, what is mapped step by step lies in a row, and
 * around what lies there already.
 */
BACKEND_TEST(one_window_under_a_limit)
{
	struct rlimit rl = { 512 * MIB, 512 * MIB };
	uintptr_t p, at;
	char *other;

	EXPECT_FALSE(backend_scarce());
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &rl));
	p = grow(self->id, 2 * MIB);
	ASSERT_NE(0, p);
	EXPECT_TRUE(backend_scarce());
	for (at = p + 2 * MIB; at < p + 128 * MIB; at += 2 * MIB)
		ASSERT_EQ(at, grow(self->id, 2 * MIB));
	EXPECT_EQ(at, backend_next(self->id));
	other = mmap((void *)at, OS_PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ASSERT_EQ((char *)at, other);
	*other = 'x';
	p = grow(self->id, 2 * MIB);
	ASSERT_NE(0, p);
	ASSERT_TRUE(self->ops->whole(p, 2 * MIB));
	memset((void *)p, 1, 2 * MIB);
	EXPECT_EQ('x', *other);
	/* from here on holes are found, not guessed */
	EXPECT_EQ(p + 2 * MIB, grow(self->id, 2 * MIB));
}

/* The first window lies below the dynamic linker, unless something is there. */
BACKEND_TEST(where_the_kernel_begins_is_taken)
{
	const size_t len = (size_t)4 << 40;
	char *other = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
			   MAP_NORESERVE, -1, 0);
	uintptr_t p;

	ASSERT_NE(MAP_FAILED, other);
	ASSERT_GT(getauxval(AT_BASE), (uintptr_t)other);
	ASSERT_LT(getauxval(AT_BASE) - len, (uintptr_t)other + len / 4);
	p = grow(self->id, 2 * MIB);
	ASSERT_NE(0, p);
	EXPECT_TRUE(p + 2 * MIB <= (uintptr_t)other || p >= (uintptr_t)other + len);
	EXPECT_FALSE(backend_scarce());
	ASSERT_TRUE(self->ops->whole(p, 2 * MIB));
	memset((void *)p, 1, 2 * MIB);
	EXPECT_EQ(p + 2 * MIB, grow(self->id, 2 * MIB));
}

/* There is a hole, but less of it may be mapped: half, then half of that. */
BACKEND_TEST(smaller_steps_where_a_limit_is)
{
	uintptr_t p = grow(self->id, 2 * MIB);
	struct rlimit rl;
	size_t got = 0;

	ASSERT_NE(0, p);
	ASSERT_EQ(0, getrlimit(RLIMIT_AS, &rl));
	rl.rlim_cur = 512 * MIB;
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &rl));
	EXPECT_EQ(p + 2 * MIB, backend_grow(self->id, 2 * MIB, 1024 * MIB, true,
					    &got));
	EXPECT_LE(128 * MIB, got);
	EXPECT_GE(512 * MIB, got);
}

/* Half of what was refused is less than needed: exactly the need is mapped. */
BACKEND_TEST(no_smaller_than_what_is_needed)
{
	uintptr_t p = grow(self->id, 2 * MIB);
	struct rlimit rl;
	size_t got = 0;

	ASSERT_NE(0, p);
	ASSERT_EQ(0, getrlimit(RLIMIT_AS, &rl));
	rl.rlim_cur = 512 * MIB;
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &rl));
	EXPECT_EQ(p + 2 * MIB, backend_grow(self->id, 300 * MIB, 1024 * MIB, true,
					    &got));
	EXPECT_EQ(300 * MIB, got);
}

BACKEND_TEST(released_reads_as_zero)
{
	uintptr_t p = grow(self->id, 8 * MIB);
	struct backend_range r[3];

	ASSERT_NE(0, p);
	ASSERT_TRUE(self->ops->whole(p, 8 * MIB));
	memset((void *)p, 7, 8 * MIB);
	r[0].start = p;
	r[0].len = 4 * MIB;
	EXPECT_EQ(1, self->ops->release(r, 1));
	EXPECT_EQ(4 * MIB, resident(p, 8 * MIB));
	EXPECT_TRUE(is_zero(p, 4 * MIB));
	EXPECT_EQ(7, *(char *)(p + 4 * MIB));
}

BACKEND_TEST(part_of_a_block)
{
	uintptr_t p = grow(self->id, 2 * MIB);
	struct backend_range r[BACKEND_RANGES];
	size_t i;

	ASSERT_NE(0, p);
	ASSERT_TRUE(self->ops->whole(p, 2 * MIB));
	memset((void *)p, 7, 2 * MIB);
	if (self->ops->pages)
		self->ops->pages(p);
	for (i = 0; i < BACKEND_RANGES; i++) {
		r[i].start = p + i * 2 * PAGE_SIZE;
		r[i].len = PAGE_SIZE;
	}
	EXPECT_EQ(BACKEND_RANGES, self->ops->release(r, BACKEND_RANGES));
	for (i = 1; i < BLOCK_PAGES; i += 2) {
		ASSERT_EQ(7, *(volatile char *)(p + i * PAGE_SIZE));
		ASSERT_EQ(7, *(volatile char *)(p + i * PAGE_SIZE + OS_PAGE));
	}
	EXPECT_EQ(MIB, resident(p, 2 * MIB));
	for (i = 0; i < BLOCK_PAGES; i++) {
		bool gone = i % 2 == 0;

		ASSERT_EQ(gone ? 0 : 7, *(char *)(p + i * PAGE_SIZE));
		ASSERT_EQ(gone, is_zero(p + i * PAGE_SIZE, PAGE_SIZE));
	}
}

BACKEND_TEST(join_keeps_contents)
{
	uintptr_t p = grow(self->id, 2 * MIB);
	struct backend_range r;

	ASSERT_NE(0, p);
	ASSERT_TRUE(self->ops->whole(p, 2 * MIB));
	memset((void *)p, 7, 2 * MIB);
	if (self->ops->pages)
		self->ops->pages(p);
	r.start = p + MIB;
	r.len = 8 * PAGE_SIZE;
	ASSERT_EQ(1, self->ops->release(&r, 1));
	memset((void *)r.start, 9, PAGE_SIZE);
	ASSERT_TRUE(self->ops->join(p));
	EXPECT_EQ(7, *(volatile char *)p);
	EXPECT_EQ(2 * MIB, resident(p, 2 * MIB));
	EXPECT_EQ(7, *(char *)(p + 2 * MIB - 1));
	EXPECT_EQ(9, *(char *)r.start);
	EXPECT_TRUE(is_zero(r.start + PAGE_SIZE, 7 * PAGE_SIZE));
}

BACKEND_TEST(child_has_its_own)
{
	uintptr_t p = grow(self->id, 4 * MIB);
	struct backend_range r = { p, 2 * MIB };
	int status;
	pid_t pid;

	ASSERT_NE(0, p);
	ASSERT_TRUE(self->ops->whole(p, 4 * MIB));
	memset((void *)p, 5, 4 * MIB);
	pid = fork();
	if (!pid) {
		uintptr_t q;
		int ok;

		ok = *(char *)p == 5 && self->ops->release(&r, 1) == 1 &&
		     is_zero(p, 2 * MIB) && *(char *)(p + 2 * MIB) == 5;
		*(char *)(p + 2 * MIB) = 6;
		q = grow(self->id, 2 * MIB);
		ok = ok && q && self->ops->whole(q, 2 * MIB);
		_exit(ok ? 0 : 1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(5, *(char *)p);
	EXPECT_EQ(5, *(char *)(p + 2 * MIB));
	/* memory that the child adds is its own as well */
	p = grow(self->id, 2 * MIB);
	ASSERT_NE(0, p);
	ASSERT_TRUE(self->ops->whole(p, 2 * MIB));
	EXPECT_TRUE(is_zero(p, 2 * MIB));
}

BACKEND_TEST(remap)
{
	uintptr_t from = grow(self->id, 4 * MIB), to = grow(self->id, 8 * MIB);

	/* the module's arenas cannot move, all other memory can */
	ASSERT_EQ(self->id == BACKEND_KMOD, !self->ops->remap);
	if (!self->ops->remap)
		return;
	ASSERT_TRUE(self->ops->whole(from, 4 * MIB));
	memset((void *)from, 3, 4 * MIB);
	ASSERT_EQ(BACKEND_MOVED, self->ops->remap(from, to, 4 * MIB, true));
	EXPECT_EQ(3, *(char *)to);
	EXPECT_EQ(3, *(char *)(to + 4 * MIB - 1));
	/* the place left behind reads as new, and is writable */
	EXPECT_EQ(0, resident(from, 4 * MIB));
	EXPECT_TRUE(is_zero(from, 4 * MIB));
	memset((void *)from, 4, 4 * MIB);
	EXPECT_EQ(3, *(char *)to);
	EXPECT_TRUE(is_zero(to + 4 * MIB, 4 * MIB));
}

/* A refusal for one block says nothing about another. */
BACKEND_TEST(join_of_one_block_refused)
{
	uintptr_t odd = grow(self->id, 2 * MIB), p = grow(self->id, 2 * MIB);

	ASSERT_NE(0, odd);
	ASSERT_NE(0, p);
	ASSERT_TRUE(self->ops->whole(odd, 2 * MIB));
	ASSERT_TRUE(self->ops->whole(p, 2 * MIB));
	memset((void *)p, 7, 2 * MIB);
	ASSERT_TRUE(self->ops->join(p));
	if (self->ops->pages)
		self->ops->pages(p);
	/*
	 * Nobody has touched the block: the kernel finds nothing to join, while
	 * the module has a whole block there as soon as it is asked for.
	 */
	ASSERT_EQ(0, mprotect((void *)(odd + MIB), 4096, PROT_READ));
	EXPECT_EQ(self->id == BACKEND_KMOD, self->ops->join(odd));
	EXPECT_TRUE(self->ops->join(p));
}

/* Does this kernel check the source of a move before it unmaps the target? */
static bool kernel_looks_first(void)
{
	const int prot = PROT_READ | PROT_WRITE;
	char *from = mmap(NULL, 4 * MIB, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *to = mmap(NULL, 4 * MIB, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char there;

	munmap(from, 4 * MIB);
	if (mremap(from, 4 * MIB, 4 * MIB, MREMAP_MAYMOVE | MREMAP_FIXED |
		   MREMAP_DONTUNMAP, to) != MAP_FAILED)
		return false;
	return !mincore(to, OS_PAGE, &there);
}

/*
 * The kernel does not move, and the target belongs to another mapping by then,
 * which keeps it.
 */
BACKEND_TEST(remap_over_nobody)
{
	uintptr_t from = grow(self->id, 4 * MIB), to = grow(self->id, 4 * MIB);
	char *p;

	if (!self->ops->remap)
		return;
	ASSERT_EQ(BACKEND_MOVED, self->ops->remap(from, to, 4 * MIB, true));
	ASSERT_EQ(0, munmap((void *)from, 4 * MIB));
	p = mmap((void *)to, 4 * MIB, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ASSERT_EQ(to, (uintptr_t)p);
	memset(p, 7, 4 * MIB);
	if (self->ops->remap(from, to, 4 * MIB, true) == BACKEND_STAYED) {
		/* the kernel unmapped the target before it checked */
		EXPECT_FALSE(kernel_looks_first());
		EXPECT_TRUE(is_zero(to, 4 * MIB));
		return;
	}
	EXPECT_EQ(7, p[0]);
	EXPECT_EQ(7, p[4 * MIB - 1]);
}

/* Does this kernel move what is several mappings? */
static bool kernel_moves_several(void)
{
	const int prot = PROT_READ | PROT_WRITE;
	char *p = mmap(NULL, 4 * OS_PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool moves;

	madvise(p, OS_PAGE, MADV_DONTDUMP);
	moves = mremap(p, 2 * OS_PAGE, 2 * OS_PAGE, MREMAP_MAYMOVE |
		       MREMAP_FIXED | MREMAP_DONTUNMAP, p + 2 * OS_PAGE) !=
		MAP_FAILED;
	munmap(p, 4 * OS_PAGE);
	return moves;
}

/* Make each MiB of [@at, @at + @len) a mapping of its own, and write to it. */
static void in_mappings(uintptr_t at, size_t len, unsigned char what)
{
	uintptr_t p;

	for (p = at; p < at + len; p += MIB) {
		madvise((void *)p, MIB, (p - at) / MIB % 2 ? MADV_DODUMP :
							      MADV_DONTDUMP);
		memset((void *)p, what, MIB);
	}
}

/* How much of [@at, @at + @len) reads as @what, from the first byte? */
static size_t reads(uintptr_t at, size_t len, unsigned char what)
{
	const unsigned char *p = (const unsigned char *)at;
	size_t i;

	for (i = 0; i < len && p[i] == what; i++)
		;
	return i;
}

/* What is several mappings moves as a whole or not at all. */
BACKEND_TEST(remap_several)
{
	uintptr_t from = grow(self->id, 4 * MIB), to = grow(self->id, 4 * MIB);
	enum backend_remap how;

	if (!self->ops->remap)
		return;
	in_mappings(from, 4 * MIB, 5);
	/* at an address that is not round, too */
	madvise((void *)(from + 3 * MIB + 21 * OS_PAGE), OS_PAGE, MADV_DONTDUMP);
	how = self->ops->remap(from, to, 4 * MIB, true);
	ASSERT_NE(BACKEND_LOST, how);
	EXPECT_EQ(kernel_moves_several(), how == BACKEND_MOVED);
	EXPECT_EQ(4 * MIB, reads(how == BACKEND_MOVED ? to : from, 4 * MIB, 5));
	EXPECT_TRUE(is_zero(how == BACKEND_MOVED ? from : to, 4 * MIB));
}

/* As many mappings as this process may have, until @i of @big are undone. */
static bool fill_mappings(char *big, size_t pages, size_t *i)
{
	for (*i = 0; *i < pages; *i += 2)
		if (mprotect(big + *i * OS_PAGE, OS_PAGE, PROT_NONE))
			return true;
	return false;
}

#define MAPPINGS_MAX	((size_t)1 << 17)
#define TRIES		12u

/*
 * The kernel refuses as many mappings as these become at its first check or at a later
 * one.  Nothing is lost: neither what was to move, nor its place.
 */
BACKEND_TEST(remap_where_there_are_too_many)
{
	uintptr_t from = grow(self->id, 4 * MIB);
	uintptr_t to = grow(self->id, TRIES * 6 * MIB);
	unsigned int n, undo, stayed = 0, moved = 0;
	enum backend_remap how;
	size_t i;
	char *big;

	if (!self->ops->remap)
		return;
	/* is it tried at all? */
	ASSERT_EQ(BACKEND_MOVED, self->ops->remap(from, to, MIB, true));
	if (kernel_moves_several())
		in_mappings(from, 4 * MIB, 5);
	big = mmap(NULL, 2 * MAPPINGS_MAX * OS_PAGE, PROT_READ, MAP_PRIVATE |
		   MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, big);
	if (!fill_mappings(big, 2 * MAPPINGS_MAX, &i))
		SKIP(return, "this kernel allows more mappings than are tried");
	/* each time inside the one mapping that the new places are */
	for (n = 0; n < TRIES; n++) {
		to += 6 * MIB;
		memset((void *)from, 10 + n, 4 * MIB);
		how = self->ops->remap(from, to - 5 * MIB, 4 * MIB, true);
		ASSERT_NE(BACKEND_LOST, how);
		EXPECT_EQ(4 * MIB, reads(how == BACKEND_MOVED ? to - 5 * MIB :
							       from,
					 4 * MIB, 10 + n));
		/* it is there */
		memset((void *)(to - 5 * MIB), 1, 4 * MIB);
		if (how == BACKEND_MOVED)
			moved++;
		else
			stayed++;
		/* a few less, then as many as will do */
		for (undo = n < TRIES / 2 ? 1 : 8; undo; undo--) {
			i -= 2;
			ASSERT_EQ(0, mprotect(big + i * OS_PAGE, OS_PAGE,
					      PROT_READ));
		}
	}
	EXPECT_LT(0, stayed);
	EXPECT_LT(0, moved);
	munmap(big, 2 * MAPPINGS_MAX * OS_PAGE);
}

/* From now on the system call @nr fails. */
static int filter_refuses(unsigned int nr, unsigned int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

/* A filter that was installed later refuses: that is no reason to give up a place. */
BACKEND_TEST(remap_that_a_filter_refuses)
{
	uintptr_t from = grow(self->id, 4 * MIB), to = grow(self->id, 4 * MIB);

	if (!self->ops->remap)
		return;
	memset((void *)to, 1, 4 * MIB);
	ASSERT_EQ(BACKEND_MOVED, self->ops->remap(from, to, 4 * MIB, true));
	memset((void *)from, 5, 4 * MIB);
	memset((void *)to, 1, 4 * MIB);
	ASSERT_EQ(0, filter_refuses(SYS_mremap, EPERM));
	EXPECT_EQ(BACKEND_STAYED, self->ops->remap(from, to, 4 * MIB, true));
	EXPECT_EQ(4 * MIB, reads(from, 4 * MIB, 5));
	EXPECT_EQ(4 * MIB, reads(to, 4 * MIB, 1));
}

static char *volatile others;

/*
 * Linux 5.7 to 6.16: several mappings are not moved, and what was at the new place is
 * gone by then.  Another thread maps memory there at once.
 */
static void moves_one_only(int sig, siginfo_t *info, void *context)
{
	mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;
#if defined(__x86_64__)
	void *to = (void *)m->gregs[REG_R8];

	m->gregs[REG_RAX] = -EFAULT;
#elif defined(__aarch64__)
	void *to = (void *)m->regs[4];

	m->regs[0] = (unsigned long)-EFAULT;
#endif
	(void)sig, (void)info;
	munmap(to, 2 * OS_PAGE);
	others = mmap(to, 2 * OS_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		      MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	memset(others, 7, 2 * OS_PAGE);
}

/* What is tried out, once, is at nobody else's expense. */
BACKEND_TEST(remap_is_tried_where_nobody_else_is)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mremap, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2 * OS_PAGE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };
	struct sigaction act = {
		.sa_sigaction = moves_one_only, .sa_flags = SA_SIGINFO
	};
	uintptr_t from = grow(self->id, 4 * MIB), to = grow(self->id, 4 * MIB);

	if (!self->ops->remap)
		return;
	memset((void *)from, 5, 4 * MIB);
	ASSERT_EQ(0, sigaction(SIGSYS, &act, NULL));
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	ASSERT_EQ(0, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog));
	EXPECT_EQ(BACKEND_MOVED, self->ops->remap(from, to, 4 * MIB, true));
	EXPECT_EQ(4 * MIB, reads(to, 4 * MIB, 5));
	ASSERT_NE(NULL, others);
	/* it is there */
	ASSERT_EQ(0, msync(others, 2 * OS_PAGE, MS_ASYNC));
	EXPECT_EQ(2 * OS_PAGE, reads((uintptr_t)others, 2 * OS_PAGE, 7));
}

/*
 * The application has closed our descriptors and opened its own files with
 * those numbers.
 */
BACKEND_TEST(descriptors_are_not_trusted)
{
	uintptr_t p = grow(self->id, 4 * MIB), q;
	struct backend_range r = { p, 2 * MIB };
	char name[] = "/tmp/backend-XXXXXX";
	int fd, file = mkstemp(name);

	ASSERT_NE(0, p);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, unlink(name));
	ASSERT_EQ(8, write(file, "contents", 8));
	ASSERT_TRUE(self->ops->whole(p, 4 * MIB));
	memset((void *)p, 1, 4 * MIB);
	for (fd = 3; fd < 64; fd++)
		if (fd != file && fcntl(fd, F_GETFD) >= 0)
			ASSERT_EQ(fd, dup2(file, fd));
	EXPECT_EQ(1, self->ops->release(&r, 1));
	EXPECT_TRUE(is_zero(p, 2 * MIB));
	EXPECT_EQ(1, *(char *)(p + 2 * MIB));
	q = grow(self->id, 2 * MIB);
	ASSERT_NE(0, q);
	ASSERT_TRUE(self->ops->whole(q, 2 * MIB));
	memset((void *)q, 1, 2 * MIB);
	EXPECT_EQ(8, lseek(file, 0, SEEK_END));
}

TEST(chosen_by_option)
{
	shim_conf.backend = SHIM_BACKEND_THP;
	EXPECT_EQ(BACKEND_THP, backend_first());
	EXPECT_EQ(0, strcmp("thp", backend_ops(BACKEND_THP)->name));
	EXPECT_EQ(0, strcmp("kmod", backend_ops(BACKEND_KMOD)->name));
}

/* Limits RLIMIT_AS to what is mapped now and @more. */
static int limit_here(size_t more)
{
	struct rlimit rl;
	size_t pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%zu", &pages) != 1 || getrlimit(RLIMIT_AS, &rl))
		return -1;
	fclose(f);
	rl.rlim_cur = pages * OS_PAGE + more;
	return setrlimit(RLIMIT_AS, &rl);
}

/* Map a page of the program's behind what @id has. */
static bool wall_behind(enum backend_id id)
{
	void *at = (void *)backend_next(id);

	return mmap(at, OS_PAGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == at;
}

/*
 * Where there is no room to look for an aligned place, and the place that was
 * guessed is not free, the memory lies below everything else, and the next one
 * below that.
 */
TEST(below_what_there_is)
{
	uintptr_t p = grow(BACKEND_THP, 2 * MIB), q, low;

	ASSERT_NE(0, p);
	ASSERT_TRUE(wall_behind(BACKEND_THP));
	ASSERT_EQ(0, limit_here(2 * MIB));
	q = grow(BACKEND_THP, 2 * MIB);
	ASSERT_NE(0, q);
	low = p < q ? p : q;
	ASSERT_EQ(0, limit_here(4 * MIB));
	ASSERT_TRUE(wall_behind(BACKEND_THP));
	ASSERT_EQ(0, limit_here(2 * MIB));
	q = grow(BACKEND_THP, 2 * MIB);
	EXPECT_EQ(low - 2 * MIB, q);
	EXPECT_EQ(0, grow(BACKEND_THP, 2 * MIB));
	ASSERT_EQ(0, limit_here(2 * MIB));
	q = grow(BACKEND_THP, 2 * MIB);
	EXPECT_EQ(low - 4 * MIB, q);
	memset((void *)q, 1, 2 * MIB);
}

/* Locked memory is not taken back, and the backend says so. */
TEST(locked)
{
	uintptr_t p = grow(BACKEND_THP, 2 * MIB);
	struct backend_range r = { p, OS_PAGE };

	ASSERT_NE(0, p);
	ASSERT_EQ(0, mlock((void *)p, OS_PAGE));
	*(char *)p = 1;
	EXPECT_EQ(0, backend_ops(BACKEND_THP)->release(&r, 1));
	EXPECT_EQ(1, *(char *)p);
}

TEST_HARNESS_MAIN
