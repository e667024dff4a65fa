/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sys: system calls that leave errno alone.
 *
 * free() must not change errno, so the library makes its system calls itself,
 * not through the C library.  Every function returns what the kernel returned:
 * a result, or a negative errno.
 */
#ifndef SHIM_SYS_H
#define SHIM_SYS_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23	/* Linux 5.14 */
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25	/* Linux 6.1 */
#endif
#ifndef MADV_COLD
#define MADV_COLD		20	/* Linux 5.4 */
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE	0x100000	/* Linux 4.17 */
#endif
#ifndef MREMAP_MAYMOVE
#define MREMAP_MAYMOVE		1	/* hidden without _GNU_SOURCE */
#define MREMAP_FIXED		2
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP	4	/* Linux 5.7 */
#endif

/*
 * Static records lie in the order of the letters, so that what is touched shares
 * its pages: behind the small ones what is large and touched at its beginning, or
 * nowhere (v), then what is touched at its end (w), what every process touches as a
 * whole (x), and what is touched at its beginning (y).  Last come large ones (z) of
 * which little is touched, and that by few.
 */
#ifdef SHIM_DEBUG		/* with ranks, locks are not in the bss */
#define SHIM_BSS_NEXT
#define SHIM_BSS_TAIL
#define SHIM_BSS_LAST
#define SHIM_BSS_ALL
#define SHIM_BSS_HEAD
#else
#define SHIM_BSS_NEXT	__attribute__((section(".bss.v")))
#define SHIM_BSS_TAIL	__attribute__((section(".bss.w")))
#define SHIM_BSS_LAST	__attribute__((section(".bss.w.last")))
#define SHIM_BSS_ALL	__attribute__((section(".bss.x")))
#define SHIM_BSS_HEAD	__attribute__((section(".bss.y")))
#endif
#define SHIM_BSS_LARGE	__attribute__((section(".bss.z")))

#if defined(__x86_64__)
static inline long sys_call6(long nr, long a, long b, long c, long d, long e,
			     long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static inline long sys_call6(long nr, long a, long b, long c, long d, long e,
			     long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return x0;
}
#else
#error "sys.h: this processor's system call instruction is missing"
#endif

static inline long sys_call3(long nr, long a, long b, long c)
{
	return sys_call6(nr, a, b, c, 0, 0, 0);
}

/* Is a result, which should be an address or a size, a negative errno? */
static inline bool sys_failed(long ret)
{
	return (unsigned long)ret > -4096UL;
}

/* open(2), as openat(2): newer architectures have no other. */
static inline long sys_open(const char *path, int flags)
{
	return sys_call6(SYS_openat, AT_FDCWD, (long)path, flags, 0, 0, 0);
}

static inline long sys_mmap(uintptr_t addr, size_t len, int prot, int flags,
			    int fd, uint64_t offset)
{
	return sys_call6(SYS_mmap, (long)addr, (long)len, prot, flags, fd,
			 (long)offset);
}

static inline long sys_munmap(uintptr_t addr, size_t len)
{
	return sys_call3(SYS_munmap, (long)addr, (long)len, 0);
}

static inline long sys_madvise(uintptr_t addr, size_t len, int advice)
{
	return sys_call3(SYS_madvise, (long)addr, (long)len, advice);
}

static inline long sys_mremap(uintptr_t from, size_t len, size_t newlen,
			      int flags, uintptr_t to)
{
	return sys_call6(SYS_mremap, (long)from, (long)len, (long)newlen,
			 flags, (long)to, 0);
}

/*
 * A clock in nanoseconds, through the kernel.  Not for the core, whose system
 * calls are counted: it has clock_coarse().
 */
static inline uint64_t sys_clock(clockid_t clock)
{
	struct timespec ts = { 0, 0 };

	sys_call3(SYS_clock_gettime, clock, (long)&ts, 0);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

#endif /* SHIM_SYS_H */
