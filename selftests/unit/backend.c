// SPDX-License-Identifier: GPL-2.0-only
/*
 * The backends on the running kernel: anonymous memory always, the module where
 * /dev/hugearena is.  selftests/shim has this program, too, and with it the VM,
 * where the module is.  Blocks are joined from Linux 6.1 on, which is the oldest
 * kernel that this is tried on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
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
