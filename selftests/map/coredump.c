// SPDX-License-Identifier: GPL-2.0-only
/* A core dump holds the arena's data, and leaves its holes as holes. */
#include "harness.h"
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define BLOCKS		16
#define PATTERN_FILE	"/proc/sys/kernel/core_pattern"

FIXTURE(coredump) {
	struct arena a;
	char dir[32];
	char old_pattern[256];
	char path[64];
};

FIXTURE_SETUP(coredump)
{
	char pattern[64];

	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	strcpy(self->dir, "/tmp/arena-core-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	ASSERT_LT(0, file_read(PATTERN_FILE, self->old_pattern,
			       sizeof(self->old_pattern)));
	snprintf(pattern, sizeof(pattern), "%s/core.%%p", self->dir);
	ASSERT_EQ(0, file_write(PATTERN_FILE, pattern));
}

FIXTURE_TEARDOWN(coredump)
{
	file_write(PATTERN_FILE, self->old_pattern);
	unlink(self->path);
	rmdir(self->dir);
	arena_drop(&self->a);
}

static int crash(void *arg)
{
	struct rlimit rl = { RLIM_INFINITY, RLIM_INFINITY };

	(void)arg;
	setrlimit(RLIMIT_CORE, &rl);
	signal(SIGQUIT, SIG_DFL);
	raise(SIGQUIT);
	return 0;
}

/*
 * Where the dump in @fd has the byte at @addr: its offset in the file, or -1 if
 * no segment has it.
 */
static off_t core_find(int fd, unsigned long addr)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	int i;

	if (pread(fd, &eh, sizeof(eh), 0) != sizeof(eh))
		return -1;
	for (i = 0; i < eh.e_phnum; i++) {
		if (pread(fd, &ph, sizeof(ph), eh.e_phoff + i * sizeof(ph)) !=
		    sizeof(ph))
			return -1;
		if (ph.p_type == PT_LOAD && addr >= ph.p_vaddr &&
		    addr < ph.p_vaddr + ph.p_filesz)
			return ph.p_offset + (addr - ph.p_vaddr);
	}
	return -1;
}

/* Fill the blocks at both ends, fork a child that dumps core, open the dump. */
static int core_make(struct __test_metadata *_metadata, struct arena *a,
		     const char *dir, char *path, size_t len)
{
	pid_t pid;
	int fd;

	pages_fill(a->base, BLOCK_LEN, 1);
	pages_fill(a->base + (BLOCKS - 1) * BLOCK_LEN, BLOCK_LEN, 2);
	pid = child_start(crash, NULL);
	ASSERT_LT(0, pid);
	ASSERT_EQ(256 + SIGQUIT, child_wait(pid));
	snprintf(path, len, "%s/core.%d", dir, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	return fd;
}

TEST_F(coredump, holds_the_data)
{
	static char buf[BLOCK_LEN];
	unsigned long at = (uintptr_t)self->a.base;
	off_t offset;
	int fd;

	fd = core_make(_metadata, &self->a, self->dir, self->path,
		       sizeof(self->path));
	offset = core_find(fd, at);
	ASSERT_LT(0, offset);
	ASSERT_EQ((ssize_t)sizeof(buf), pread(fd, buf, sizeof(buf), offset));
	EXPECT_EQ(0, memcmp(buf, self->a.base, sizeof(buf)));
	at += (BLOCKS - 1) * BLOCK_LEN;
	offset = core_find(fd, at);
	ASSERT_LT(0, offset);
	ASSERT_EQ((ssize_t)sizeof(buf), pread(fd, buf, sizeof(buf), offset));
	EXPECT_EQ(0, memcmp(buf, (void *)at, sizeof(buf)));
	close(fd);
}

TEST_F(coredump, leaves_holes_as_holes)
{
	struct stat st;
	int fd;

	fd = core_make(_metadata, &self->a, self->dir, self->path,
		       sizeof(self->path));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_LE((off_t)self->a.size, st.st_size);
	/* two blocks and the program itself, not sixteen blocks */
	EXPECT_GT((blkcnt_t)(8 * BLOCK_LEN / 512), st.st_blocks);
	close(fd);
}

TEST_F(coredump, dumping_takes_no_memory)
{
	long long before[3], i;
	static const char *const keys[] = {
		"FaultDemand", "FaultPool", "FaultSmall",
	};
	int fd;

	/* the two blocks are there before the dump */
	pages_fill(self->a.base, BLOCK_LEN, 1);
	pages_fill(self->a.base + (BLOCKS - 1) * BLOCK_LEN, BLOCK_LEN, 2);
	for (i = 0; i < 3; i++)
		before[i] = stat_read(keys[i]);
	fd = core_make(_metadata, &self->a, self->dir, self->path,
		       sizeof(self->path));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(before[i], stat_read(keys[i]));
	close(fd);
}

TEST_HARNESS_MAIN
