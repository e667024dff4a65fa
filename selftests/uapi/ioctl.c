// SPDX-License-Identifier: GPL-2.0-only
/* Unknown commands are ENOTTY, on the device and on an arena. */
#include "harness.h"
#include <fcntl.h>
#include <sys/ioctl.h>

FIXTURE(ioctl) {
	int dev;
	struct arena a;
	char arg[4096];
};

FIXTURE_SETUP(ioctl)
{
	ASSERT_EQ(0, params_reset());
	self->dev = device_open();
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, arena_make(&self->a, 2));
}

FIXTURE_TEARDOWN(ioctl)
{
	arena_drop(&self->a);
	close(self->dev);
}

/* Every number of our letter that @known does not list, in each direction. */
static int unknown_all_enotty(int fd, const unsigned int *known, size_t nr,
			      void *arg)
{
	static const unsigned int dirs[] = {
		_IOC_NONE, _IOC_READ, _IOC_WRITE, _IOC_READ | _IOC_WRITE,
	};
	unsigned int n, d;
	size_t k;

	for (n = 0; n < 256; n++) {
		for (k = 0; k < nr; k++)
			if (_IOC_NR(known[k]) == n)
				break;
		if (k < nr)
			continue;
		for (d = 0; d < ARRAY_SIZE(dirs); d++)
			if (ioctl(fd, _IOC(dirs[d], HUGEARENA_IOC_MAGIC, n, 8),
				  arg) != -1 || errno != ENOTTY)
				return n + 1;
	}
	return 0;
}

TEST_F(ioctl, unknown_on_the_device)
{
	static const unsigned int known[] = {
		HUGEARENA_IOC_INFO, HUGEARENA_IOC_CREATE, HUGEARENA_IOC_VIEW,
	};

	EXPECT_EQ(0, unknown_all_enotty(self->dev, known, ARRAY_SIZE(known),
					self->arg));
}

TEST_F(ioctl, unknown_on_an_arena)
{
	static const unsigned int known[] = {
		HUGEARENA_IOC_RELEASE, HUGEARENA_IOC_JOIN,
		HUGEARENA_IOC_BLOCKS, HUGEARENA_IOC_STAT,
		HUGEARENA_IOC_DIRTY, HUGEARENA_IOC_MESH,
		HUGEARENA_IOC_SEAL, HUGEARENA_IOC_MOVE,
		HUGEARENA_IOC_SPLIT,
	};

	EXPECT_EQ(0, unknown_all_enotty(self->a.fd, known, ARRAY_SIZE(known),
					self->arg));
}

TEST_F(ioctl, known_number_with_another_size_is_unknown)
{
	EXPECT_ERRNO(ENOTTY, ioctl(self->dev, _IOC(_IOC_READ,
						   HUGEARENA_IOC_MAGIC, 0, 8),
				   self->arg));
	EXPECT_ERRNO(ENOTTY, ioctl(self->a.fd, _IOC(_IOC_READ,
						    HUGEARENA_IOC_MAGIC, 0x13,
						    8),
				   self->arg));
}

TEST_F(ioctl, other_letter)
{
	EXPECT_ERRNO(ENOTTY, ioctl(self->dev, _IO('x', 0), self->arg));
	EXPECT_ERRNO(ENOTTY, ioctl(self->a.fd, _IO('x', 0x13), self->arg));
}

TEST_F(ioctl, arena_command_on_the_device)
{
	EXPECT_ERRNO(ENOTTY, ioctl(self->dev, HUGEARENA_IOC_STAT, self->arg));
}

TEST_F(ioctl, device_command_on_an_arena)
{
	EXPECT_ERRNO(ENOTTY, ioctl(self->a.fd, HUGEARENA_IOC_INFO, self->arg));
}

TEST_F(ioctl, device_can_not_be_mapped)
{
	EXPECT_MAP_ERRNO(ENODEV, mmap(NULL, BLOCK_LEN, PROT_READ, MAP_SHARED,
				      self->dev, 0));
}

TEST_F(ioctl, stat_bad_address_is_efault)
{
	EXPECT_ERRNO(EFAULT, ioctl(self->a.fd, HUGEARENA_IOC_STAT, 16));
}

TEST_F(ioctl, stat_of_a_new_arena)
{
	struct hugearena_stat st;

	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_LT(0, st.id);
	EXPECT_EQ(self->a.size, st.size);
	EXPECT_EQ(1, st.mappings);
	st.mappings = 0;
	EXPECT_EQ(0, bytes_other(&st.resident, sizeof(st) -
				 offsetof(struct hugearena_stat, resident),
				 0));
}

TEST_HARNESS_MAIN
