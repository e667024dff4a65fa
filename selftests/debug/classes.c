// SPDX-License-Identifier: GPL-2.0-only
/*
 * The classes of bugs that drivers which hand out memory have had, each with
 * the CVE number of one of them where there is one.
 */
#define _GNU_SOURCE
#include "harness.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include "memcg.h"
#include "soak.h"

#define BLOCKS		4
#define ROUNDS		100

FIXTURE(classes) {
	struct arena a;
	struct held before;
};

FIXTURE_SETUP(classes)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, held_read(&self->before));
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
}

FIXTURE_TEARDOWN(classes)
{
	arena_drop(&self->a);
	params_reset();
	EXPECT_EQ(0, held_back_to(&self->before));
}

TEST_F(classes, vma_split_then_double_free_2026_31787)
{
	char *p = self->a.base;
	size_t i;

	pages_fill(p, self->a.size, 1);
	/* close many pieces one by one, in various orders */
	for (i = 0; i < 64; i++)
		ASSERT_EQ(0, mprotect(p + i * 32 * OS_PAGE, 16 * OS_PAGE,
				      PROT_READ));
	for (i = 0; i < 64; i += 2)
		ASSERT_EQ(0, munmap(p + i * 32 * OS_PAGE, 24 * OS_PAGE));
	for (i = 1; i < 64; i += 2)
		ASSERT_EQ(0, pages_wrong(p + i * 32 * OS_PAGE, 32 * OS_PAGE,
					 1));
	for (i = 1; i < 64; i += 2)
		ASSERT_EQ(0, munmap(p + i * 32 * OS_PAGE, 32 * OS_PAGE));
}

TEST_F(classes, mremap_of_a_device_vma_2026_23056)
{
	char *p = self->a.base, *hole;

	pages_fill(p, self->a.size, 1);
	hole = mmap(NULL, 2 * self->a.size, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, hole);
	EXPECT_MAP_ERRNO(EINVAL, mremap(p, self->a.size, self->a.size,
					MREMAP_MAYMOVE | MREMAP_FIXED, hole));
	EXPECT_EQ(MAP_FAILED, mremap(p, self->a.size, 2 * self->a.size,
				     MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(p, self->a.size, self->a.size,
				     MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
	/* a second mapping of shared memory, where that is allowed */
	EXPECT_EQ(MAP_FAILED, mremap(p, 0, self->a.size, MREMAP_MAYMOVE));
	EXPECT_EQ(0, pages_wrong(p, self->a.size, 1));
}

static void *looker(void *arg)
{
	struct hugearena_stat st;
	unsigned int *stop = arg;
	__u64 id = 1;
	int dev = device_open();

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		struct hugearena_view v = { .id = id++ };
		int fd = ioctl(dev, HUGEARENA_IOC_VIEW, &v);

		if (fd < 0)
			continue;
		id--;
		ioctl(fd, HUGEARENA_IOC_STAT, &st);
		close(fd);
	}
	close(dev);
	return NULL;
}

TEST_F(classes, reference_after_publishing_2026_53401)
{
	unsigned int stop = 0;
	struct arena a;
	pthread_t t;
	int i;

	ASSERT_EQ(0, pthread_create(&t, NULL, looker, &stop));
	for (i = 0; i < ROUNDS; i++) {
		if (arena_make(&a, 1))
			break;
		byte_write(a.base, 1);
		arena_drop(&a);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	EXPECT_EQ(ROUNDS, i);
}

TEST_F(classes, missing_vma_flags_2026_46312)
{
	EXPECT_TRUE(smaps_flag(self->a.base, "de"));
	EXPECT_TRUE(smaps_flag(self->a.base, "sh"));
	EXPECT_FALSE(smaps_flag(self->a.base, "me"));
	EXPECT_ERRNO(EACCES, mprotect(self->a.base, OS_PAGE,
				      PROT_READ | PROT_EXEC));
	EXPECT_MAP_ERRNO(EPERM, mmap(NULL, BLOCK_LEN, PROT_READ | PROT_EXEC,
				     MAP_SHARED, self->a.fd, 0));
}

struct closer {
	int fd;
	unsigned int stop;
};

static void *closes(void *arg)
{
	struct closer *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED))
		close(__atomic_exchange_n(&c->fd, -1, __ATOMIC_RELAXED));
	return NULL;
}

TEST_F(classes, mmap_against_close_2020_14351)
{
	struct closer c = { .fd = -1 };
	int i, fd, bad = 0;
	pthread_t t;
	char *p;

	ASSERT_EQ(0, pthread_create(&t, NULL, closes, &c));
	for (i = 0; i < ROUNDS; i++) {
		fd = arena_create(BLOCK_LEN);
		__atomic_store_n(&c.fd, fd, __ATOMIC_RELAXED);
		p = mmap(NULL, BLOCK_LEN, PROT_READ | PROT_WRITE, MAP_SHARED,
			 fd, 0);
		if (p != MAP_FAILED) {
			byte_write(p, 1);
			bad |= byte_read(p) != 1;
			munmap(p, BLOCK_LEN);
		}
		while (__atomic_load_n(&c.fd, __ATOMIC_RELAXED) >= 0)
			sched_yield();
	}
	__atomic_store_n(&c.stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	EXPECT_EQ(0, bad);
}

struct writer {
	char *at;
	unsigned int stop;
};

static void *writes(void *arg)
{
	struct writer *w = arg;
	size_t i;

	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED))
		for (i = 0; i < 4; i++)
			byte_write(w->at + i * BLOCK_LEN + 64, 's');
	return NULL;
}

/* A write through a stale mapping would reach another process's memory. */
TEST_F(classes, tlb_flush_omitted_2021_4002)
{
	struct writer w = { .at = self->a.base };
	struct arena other;
	size_t seen = 0;
	pthread_t t;
	int i, j;

	/* recycled blocks pass from one to the other through the pool */
	ASSERT_EQ(0, param_write("pool_target_mb", 32));
	ASSERT_EQ(0, arena_make(&other, BLOCKS));
	ASSERT_EQ(0, pthread_create(&t, NULL, writes, &w));
	for (i = 0; i < ROUNDS; i++) {
		arena_punch(&self->a, 0, self->a.size);
		for (j = 0; j < BLOCKS; j++)
			seen += byte_read(other.base + j * BLOCK_LEN + 64) !=
				0;
		arena_punch(&other, 0, other.size);
	}
	__atomic_store_n(&w.stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	arena_drop(&other);
	EXPECT_EQ(0, seen);
}

static void *faults(void *arg)
{
	struct writer *w = arg;
	struct iovec local = { .iov_len = 8 }, remote = { .iov_len = 8 };
	char buf[8];
	int n = 0;

	/* within the kernel, a fault that fails is an errno */
	local.iov_base = buf;
	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		remote.iov_base = w->at + (n++ % BLOCKS) * BLOCK_LEN;
		process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
		process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
	}
	return NULL;
}

TEST_F(classes, use_after_free_in_a_fault_2025_40272)
{
	struct writer w = { .at = self->a.base };
	size_t size = self->a.size;
	pthread_t t[2];
	int i, fd;
	void *p;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, faults, &w));
	arena_drop(&self->a);
	for (i = 0; i < ROUNDS; i++) {
		fd = arena_create(size);
		p = mmap(w.at, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, 0);
		close(fd);
		ASSERT_EQ(w.at, p);
		sched_yield();
		ASSERT_EQ(0, munmap(p, size));
	}
	__atomic_store_n(&w.stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

TEST_F(classes, wrong_accounting_2026_93243)
{
	long long before = status_read("RssShmem");
	struct arena *a = &self->a;

	pages_fill(a->base, a->size, 1);
	EXPECT_EQ((long long)a->size / 1024,
		  status_read("RssShmem") - before);
	ASSERT_EQ(0, arena_punch(a, OS_PAGE, 2 * BLOCK_LEN));
	EXPECT_LE(status_read("RssShmem") - before,
		  (long long)(a->size - 2 * BLOCK_LEN) / 1024);
	ASSERT_EQ(0, munmap(a->base, a->size));
	close(a->fd);
	a->base = NULL;
	EXPECT_EQ(before, status_read("RssShmem"));
}

#define PAID_LIMIT	((long long)(24 * MIB))

/*
 * A service at its limit gets 4 KiB pages, and when a block of them is full it
 * is joined in the background.  The block must be paid for by the service too:
 * eight blocks of 2 MiB fit below its limit, and when they are joined its group
 * is as full as before; with all 32 it is killed.
 */
static int grows(void *arg)
{
	struct memcg *m = arg;
	long long before, after;
	struct arena a;
	size_t i;

	if (memcg_enter(m) || arena_make(&a, 64))
		return 1;
	/* every block consists of pages, and lacks one */
	for (i = 0; i < 64; i++) {
		byte_write(a.base + i * BLOCK_LEN, 1);
		arena_punch(&a, i * BLOCK_LEN + OS_PAGE,
			    BLOCK_LEN - OS_PAGE);
	}
	before = memcg_read(m, "memory.current");
	for (i = 0; i < 8; i++)
		pages_fill(a.base + i * BLOCK_LEN, BLOCK_LEN, 1);
	if (wait_for(arena_count(&a, HUGEARENA_BLOCK_WHOLE), 8) != 8)
		return 2;
	after = memcg_read(m, "memory.current");
	if (after - before < (long long)(7 * BLOCK_LEN)) {
		printf("# of 8 blocks the group paid for %lld bytes\n",
		       after - before);
		return 3;
	}
	for (; i < 32; i++) {
		pages_fill(a.base + i * BLOCK_LEN, BLOCK_LEN, 1);
		if (stat_read("Resident") * 1024 > PAID_LIMIT)
			return 4;
	}
	return 0;
}

TEST_F(classes, joined_blocks_are_paid_for)
{
	struct memcg m;
	int status;

	if (memcg_make(&m, "grows"))
		SKIP(return, "no memory cgroup");
	ASSERT_EQ(0, memcg_write(&m, "memory.max", PAID_LIMIT));
	status = child_run(grows, &m);
	/* 64 MiB do not fit, and nothing went past the limit */
	EXPECT_EQ(256 + SIGKILL, status);
	EXPECT_LE(1, memcg_key(&m, "memory.events", "oom_kill"));
	EXPECT_EQ(0, memcg_drop(&m));
}

/* Every byte of a result is written, and none is left over from before. */
TEST_F(classes, leak_through_a_struct_2026_52937)
{
	struct hugearena_block b[2][BLOCKS];
	struct hugearena_stat st[2];
	struct hugearena_info info[2];
	struct hugearena_blocks q = { .nr = BLOCKS };
	int dev = device_open(), i;

	ASSERT_LE(0, dev);
	pages_fill(self->a.base, self->a.size, 1);
	for (i = 0; i < 2; i++) {
		memset(&st[i], i ? 0xff : 0x55, sizeof(st[i]));
		memset(&info[i], i ? 0xff : 0x55, sizeof(info[i]));
		memset(b[i], i ? 0xff : 0x55, sizeof(b[i]));
		q.vec = (unsigned long)b[i];
		ASSERT_EQ(0, ioctl(self->a.fd, HUGEARENA_IOC_STAT, &st[i]));
		ASSERT_EQ(0, ioctl(dev, HUGEARENA_IOC_INFO, &info[i]));
		ASSERT_EQ(BLOCKS, ioctl(self->a.fd, HUGEARENA_IOC_BLOCKS, &q));
	}
	EXPECT_EQ(0, memcmp(&st[0], &st[1], sizeof(st[0])));
	EXPECT_EQ(0, memcmp(&info[0], &info[1], sizeof(info[0])));
	EXPECT_EQ(0, memcmp(b[0], b[1], sizeof(b[0])));
	EXPECT_EQ(0, bytes_other(st[0].reserved, sizeof(st[0].reserved), 0));
	EXPECT_EQ(0, bytes_other(info[0].reserved, sizeof(info[0].reserved),
				 0));
	close(dev);
}

TEST_F(classes, no_pmd_through_a_small_vma)
{
	char *p = self->a.base;
	size_t at = BLOCK_LEN + 7 * OS_PAGE;

	pages_fill(p, self->a.size, 1);
	ASSERT_EQ(0, munmap(p + BLOCK_LEN, 7 * OS_PAGE));
	ASSERT_EQ(0, munmap(p + at + OS_PAGE, BLOCK_LEN - 8 * OS_PAGE));
	EXPECT_EQ(0, pages_wrong(p + at, OS_PAGE, 1));
	EXPECT_EQ(SIGSEGV, byte_read_signal(p + at - 1));
	EXPECT_EQ(SIGSEGV, byte_read_signal(p + at + OS_PAGE));
	EXPECT_EQ(4, smaps_read(p + at, "Rss"));
	EXPECT_EQ(0, smaps_pmd_mapped(p + at));
}

static int splices(void *arg)
{
	int *pipe = ((void **)arg)[0];
	struct arena *a = ((void **)arg)[1];
	struct iovec iov = { a->base + BLOCK_LEN, OS_PAGE };

	return vmsplice(pipe[1], &iov, 1, 0) != OS_PAGE;
}

/* A page in a pipe outlives the process that put it there. */
TEST_F(classes, write_seen_through_a_relatives_pipe_2020_29374)
{
	char buf[OS_PAGE];
	int p[2];
	void *arg[] = { p, &self->a };

	ASSERT_EQ(0, pipe(p));
	memset(self->a.base, 'o', self->a.size);
	/* the child shows the page and ends: its parent is alone again */
	ASSERT_EQ(0, child_run(splices, arg));
	memset(self->a.base, 's', self->a.size);
	ASSERT_EQ((ssize_t)OS_PAGE, read(p[0], buf, OS_PAGE));
	EXPECT_EQ(0, bytes_other(buf, OS_PAGE, 'o'));
	EXPECT_EQ(0, bytes_other(self->a.base, self->a.size, 's'));
	close(p[0]);
	close(p[1]);
}

/* The same for a page of a block that was split before. */
TEST_F(classes, small_write_seen_through_a_relatives_pipe_2020_29374)
{
	char buf[OS_PAGE];
	int p[2];
	void *arg[] = { p, &self->a };

	ASSERT_EQ(0, pipe(p));
	memset(self->a.base, 'o', self->a.size);
	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN + OS_PAGE, OS_PAGE));
	memset(self->a.base, 'o', self->a.size);
	ASSERT_EQ(0, child_run(splices, arg));
	memset(self->a.base, 's', self->a.size);
	ASSERT_EQ((ssize_t)OS_PAGE, read(p[0], buf, OS_PAGE));
	EXPECT_EQ(0, bytes_other(buf, OS_PAGE, 'o'));
	close(p[0]);
	close(p[1]);
}

/* And of one that is looked at once the VMA is no longer copy-on-write. */
TEST_F(classes, late_write_seen_through_a_relatives_pipe_2020_29374)
{
	char buf[OS_PAGE];
	int p[2];
	void *arg[] = { p, &self->a };

	ASSERT_EQ(0, pipe(p));
	memset(self->a.base, 'o', self->a.size);
	ASSERT_EQ(0, child_run(splices, arg));
	EXPECT_EQ(0, bytes_other(self->a.base, self->a.size, 'o'));
	ASSERT_EQ(0, upkeep_wait(2));
	memset(self->a.base, 's', self->a.size);
	ASSERT_EQ((ssize_t)OS_PAGE, read(p[0], buf, OS_PAGE));
	EXPECT_EQ(0, bytes_other(buf, OS_PAGE, 'o'));
	close(p[0]);
	close(p[1]);
}

static __u64 pfn_of(struct arena *a, size_t index)
{
	struct hugearena_block b;

	return arena_block(a, index, &b) ? 0 : b.pfn;
}

/* Memory that went bad is not handed out again. */
TEST_F(classes, poisoned_memory_is_not_reused)
{
	__u64 bad;
	int i;

	ASSERT_EQ(0, pool_fill(2));
	ASSERT_EQ(0, param_write("reserve_max", 8));
	pages_fill(self->a.base, self->a.size, 1);
	bad = pfn_of(&self->a, 1);
	ASSERT_NE(0, bad);
	if (madvise(self->a.base + BLOCK_LEN + 9 * OS_PAGE, OS_PAGE,
		    MADV_HWPOISON) && errno == EINVAL)
		SKIP(return, "no CONFIG_MEMORY_FAILURE");
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
		/* the worker has zeroed what is released, and served the pool */
		ASSERT_EQ(0, pool_fill(2));
		EXPECT_EQ(0, byte_write_signal(self->a.base + BLOCK_LEN, 1));
		byte_write(self->a.base, 1);
		EXPECT_NE(bad, pfn_of(&self->a, 1));
		EXPECT_NE(bad, pfn_of(&self->a, 0));
	}
}

TEST_HARNESS_MAIN
