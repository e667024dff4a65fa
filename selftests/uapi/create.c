// SPDX-License-Identifier: GPL-2.0-only
/* HUGEARENA_IOC_CREATE refuses every field that is not as documented. */
#include "harness.h"
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

FIXTURE(create) {
	int dev;
	struct hugearena_create c;
};

FIXTURE_SETUP(create)
{
	ASSERT_EQ(0, params_reset());
	self->dev = device_open();
	ASSERT_LE(0, self->dev);
	self->c.size = 4 * BLOCK_LEN;
	self->c.node = HUGEARENA_NODE_LOCAL;
}

FIXTURE_TEARDOWN(create)
{
	close(self->dev);
}

TEST_F(create, good)
{
	int fd = arena_create_on(self->dev, &self->c);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, close(fd));
}

TEST_F(create, size_zero)
{
	self->c.size = 0;
	EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
}

TEST_F(create, size_not_whole_blocks)
{
	self->c.size = BLOCK_LEN + OS_PAGE;
	EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
	self->c.size = BLOCK_LEN - 1;
	EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
	self->c.size = BLOCK_LEN + 1;
	EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
}

TEST_F(create, size_up_to_max_and_no_more)
{
	struct hugearena_info info;
	int fd;

	ASSERT_EQ(0, ioctl(self->dev, HUGEARENA_IOC_INFO, &info));
	self->c.size = info.max_size;
	fd = arena_create_on(self->dev, &self->c);
	EXPECT_LE(0, fd);
	close(fd);
	self->c.size = info.max_size + BLOCK_LEN;
	EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
}

TEST_F(create, size_huge)
{
	self->c.size = -BLOCK_LEN;
	EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
	self->c.size = 1ULL << 63;
	EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
}

TEST_F(create, unknown_kind)
{
	self->c.kind = 2;
	EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
	self->c.kind = 1U << 31;
	EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
}

TEST_F(create, every_flag_but_one_is_unknown)
{
	int bit, fd;

	for (bit = 0; bit < 32; bit++) {
		self->c.flags = 1U << bit;
		if (self->c.flags == HUGEARENA_CREATE_SHARED)
			continue;
		EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
		self->c.flags |= HUGEARENA_CREATE_SHARED;
		EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
	}
	self->c.flags = HUGEARENA_CREATE_SHARED;
	fd = arena_create_on(self->dev, &self->c);
	EXPECT_LE(0, fd);
	close(fd);
}

TEST_F(create, every_kind_that_info_names)
{
	struct hugearena_info info;
	unsigned int kind;
	int fd;

	ASSERT_EQ(0, ioctl(self->dev, HUGEARENA_IOC_INFO, &info));
	for (kind = 0; kind < 64; kind++) {
		self->c.kind = kind;
		fd = arena_create_on(self->dev, &self->c);
		EXPECT_EQ(info.kinds >> kind & 1, fd >= 0);
		if (fd >= 0)
			close(fd);
	}
	EXPECT_EQ(1 << HUGEARENA_KIND_BLOCKS | 1 << HUGEARENA_KIND_PAGES,
		  info.kinds);
}

/* A shift and GUARD come together, and with no other bit but SHARED. */
TEST_F(create, flags_of_pages)
{
	unsigned int flags;
	int fd;

	self->c.kind = HUGEARENA_KIND_PAGES;
	for (flags = 0; flags < 1024; flags++) {
		unsigned int shift = flags & 0xff;
		unsigned int slots = flags & ~HUGEARENA_CREATE_SHARED;
		bool good = !slots || (slots >> 8 == 1 && shift >= 13 &&
				       shift <= 30);

		self->c.flags = flags;
		fd = arena_create_on(self->dev, &self->c);
		EXPECT_EQ(good, fd >= 0) {
			TH_LOG("flags %#x", flags);
		}
		if (fd >= 0)
			close(fd);
	}
	for (flags = 1U << 10; flags; flags <<= 1) {
		self->c.flags = flags | HUGEARENA_SLOT_GUARD | 16;
		EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
	}
}

TEST_F(create, pad_not_zero)
{
	self->c.pad = 1;
	EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
	self->c.pad = 1U << 31;
	EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
}

TEST_F(create, node_zero)
{
	int fd;

	self->c.node = 0;
	fd = arena_create_on(self->dev, &self->c);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, close(fd));
}

TEST_F(create, node_that_is_not_there)
{
	static const int nodes[] = { -2, 1000, 1 << 20, 0x7fffffff,
				     -0x7fffffff - 1 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(nodes); i++) {
		self->c.node = nodes[i];
		EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
	}
}

TEST_F(create, name_without_end)
{
	memset(self->c.name, 'a', sizeof(self->c.name));
	EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
}

TEST_F(create, name_with_a_bad_character)
{
	static const char *const names[] = {
		"a b", " ", "a\n", "a\t", "\x7f", "caf\xc3\xa9", "\x01", "\xff",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		memset(self->c.name, 0, sizeof(self->c.name));
		strcpy(self->c.name, names[i]);
		EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
	}
}

TEST_F(create, longest_name)
{
	int fd;

	memset(self->c.name, '~', sizeof(self->c.name) - 1);
	fd = arena_create_on(self->dev, &self->c);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, close(fd));
}

TEST_F(create, bytes_after_the_name_must_be_zero)
{
	self->c.name[0] = 'a';
	self->c.name[sizeof(self->c.name) - 1] = 'b';
	EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
}

TEST_F(create, bad_address_is_efault)
{
	EXPECT_ERRNO(EFAULT, ioctl(self->dev, HUGEARENA_IOC_CREATE, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->dev, HUGEARENA_IOC_CREATE,
				   0xffff800000000000UL));
}

TEST_F(create, half_readable_argument_is_efault)
{
	char *p = mmap(NULL, 2 * OS_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, munmap(p + OS_PAGE, OS_PAGE));
	memcpy(p + OS_PAGE - 16, &self->c, 16);
	EXPECT_ERRNO(EFAULT, ioctl(self->dev, HUGEARENA_IOC_CREATE,
				   p + OS_PAGE - 16));
}

TEST_F(create, no_free_descriptor_is_emfile)
{
	struct rlimit rl;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &rl));
	rl.rlim_cur = self->dev + 1;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &rl));
	EXPECT_ERRNO(EMFILE, arena_create_on(self->dev, &self->c));
}

TEST_F(create, failures_leave_no_arena)
{
	long long before = stat_read("Arenas");
	int i;

	ASSERT_LE(0, before);
	self->c.flags = 1;
	for (i = 0; i < 100; i++)
		EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &self->c));
	EXPECT_EQ(before, stat_read("Arenas"));
}

TEST_F(create, takes_no_memory)
{
	long long before = stat_read("Resident");
	int fd;

	self->c.size = 1024 * MIB;
	fd = arena_create_on(self->dev, &self->c);
	ASSERT_LE(0, fd);
	EXPECT_EQ(before, stat_read("Resident"));
	EXPECT_EQ(0, close(fd));
}

TEST_HARNESS_MAIN
