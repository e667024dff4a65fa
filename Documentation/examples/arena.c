// SPDX-License-Identifier: GPL-2.0-only
/*
 * An arena by hand: memory in blocks of 2 MiB, without libshim.
 *
 *	cc arena.c
 *
 * Needs the module, and the right to open /dev/hugearena (group hugearena).
 * Exits with 4, as a skipped test does, where there is no module.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/hugearena.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE	((size_t)64 << 20)

int main(void)
{
	struct hugearena_create create = {
		.size = SIZE,
		.kind = HUGEARENA_KIND_BLOCKS,
		.node = HUGEARENA_NODE_LOCAL,
		.name = "example",
	};
	struct hugearena_stat stat;
	int dev, arena;
	char *p;

	dev = open(HUGEARENA_DEVICE, O_RDWR | O_CLOEXEC);
	if (dev < 0 && (errno == ENOENT || errno == ENXIO)) {
		puts("hugearena.ko is not loaded");
		return 4;
	}
	if (dev < 0) {
		perror(HUGEARENA_DEVICE);
		return 1;
	}
	arena = ioctl(dev, HUGEARENA_IOC_CREATE, &create);
	close(dev);
	if (arena < 0) {
		perror("HUGEARENA_IOC_CREATE");
		return 1;
	}
	p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, arena, 0);
	if (p == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	/* A limit ends in SIGBUS at the first touch; asked this way, it does not. */
	if (madvise(p, SIZE / 2, MADV_POPULATE_WRITE)) {
		perror("MADV_POPULATE_WRITE");
		return 1;
	}
	memset(p, 1, SIZE / 2);
	if (ioctl(arena, HUGEARENA_IOC_STAT, &stat))
		return 1;
	printf("resident %llu bytes in %llu blocks, %llu split\n",
	       (unsigned long long)stat.resident,
	       (unsigned long long)stat.blocks,
	       (unsigned long long)stat.split);
	/* a quarter goes back, and reads as zeros again */
	if (madvise(p, SIZE / 4, MADV_REMOVE) || p[0])
		return 1;
	if (ioctl(arena, HUGEARENA_IOC_STAT, &stat))
		return 1;
	printf("resident %llu after MADV_REMOVE\n",
	       (unsigned long long)stat.resident);
	return stat.resident <= SIZE / 4 ? 0 : 1;
}
