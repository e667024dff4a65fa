// SPDX-License-Identifier: GPL-2.0-only
/*
 * backend_move: memory of the thp backend that moves by page tables, where the kernel
 * refuses, or moves less than it was asked to.  Kernels differ: selftests/shim has this
 * program, too, and with it the VM.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "../lib/patience.h"

#include "backend/backend.h"
#include "base/conf.h"
#include "base/pagemap.h"

#define OS_PAGE		((size_t)4096)
#define MIB		((size_t)1 << 20)

static uintptr_t grow(size_t len)
{
	size_t got = 0;
	uintptr_t p = backend_grow(BACKEND_THP, len, len, true, &got);

	return got == len ? p : 0;
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
TEST(over_nobody)
{
	uintptr_t from = grow(4 * MIB), to = grow(4 * MIB);
	char *p;

	ASSERT_EQ(BACKEND_MOVED, backend_thp.remap(from, to, 4 * MIB, true));
	ASSERT_EQ(0, munmap((void *)from, 4 * MIB));
	p = mmap((void *)to, 4 * MIB, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ASSERT_EQ(to, (uintptr_t)p);
	memset(p, 7, 4 * MIB);
	if (backend_thp.remap(from, to, 4 * MIB, true) == BACKEND_STAYED) {
		/* the kernel unmapped the target before it checked */
		EXPECT_FALSE(kernel_looks_first());
		EXPECT_EQ(4 * MIB, reads(to, 4 * MIB, 0));
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

/* What is several mappings moves as a whole or not at all. */
TEST(several)
{
	uintptr_t from = grow(4 * MIB), to = grow(4 * MIB);
	enum backend_remap how;

	in_mappings(from, 4 * MIB, 5);
	/* at an address that is not round, too */
	madvise((void *)(from + 3 * MIB + 21 * OS_PAGE), OS_PAGE, MADV_DONTDUMP);
	how = backend_thp.remap(from, to, 4 * MIB, true);
	ASSERT_NE(BACKEND_LOST, how);
	EXPECT_EQ(kernel_moves_several(), how == BACKEND_MOVED);
	EXPECT_EQ(4 * MIB, reads(how == BACKEND_MOVED ? to : from, 4 * MIB, 5));
	EXPECT_EQ(4 * MIB, reads(how == BACKEND_MOVED ? from : to, 4 * MIB, 0));
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
TEST(where_there_are_too_many)
{
	uintptr_t from = grow(4 * MIB);
	uintptr_t to = grow(TRIES * 6 * MIB);
	unsigned int n, undo, stayed = 0, moved = 0;
	enum backend_remap how;
	size_t i;
	char *big;

	/* is it tried at all? */
	ASSERT_EQ(BACKEND_MOVED, backend_thp.remap(from, to, MIB, true));
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
		how = backend_thp.remap(from, to - 5 * MIB, 4 * MIB, true);
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
TEST(that_a_filter_refuses)
{
	uintptr_t from = grow(4 * MIB), to = grow(4 * MIB);

	memset((void *)to, 1, 4 * MIB);
	ASSERT_EQ(BACKEND_MOVED, backend_thp.remap(from, to, 4 * MIB, true));
	memset((void *)from, 5, 4 * MIB);
	memset((void *)to, 1, 4 * MIB);
	ASSERT_EQ(0, filter_refuses(SYS_mremap, EPERM));
	EXPECT_EQ(BACKEND_STAYED, backend_thp.remap(from, to, 4 * MIB, true));
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
TEST(is_tried_where_nobody_else_is)
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
	uintptr_t from = grow(4 * MIB), to = grow(4 * MIB);

	memset((void *)from, 5, 4 * MIB);
	ASSERT_EQ(0, sigaction(SIGSYS, &act, NULL));
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	ASSERT_EQ(0, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog));
	EXPECT_EQ(BACKEND_MOVED, backend_thp.remap(from, to, 4 * MIB, true));
	EXPECT_EQ(4 * MIB, reads(to, 4 * MIB, 5));
	ASSERT_NE(NULL, others);
	/* it is there */
	ASSERT_EQ(0, msync(others, 2 * OS_PAGE, MS_ASYNC));
	EXPECT_EQ(2 * OS_PAGE, reads((uintptr_t)others, 2 * OS_PAGE, 7));
}

TEST_HARNESS_MAIN
