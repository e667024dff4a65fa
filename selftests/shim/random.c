// SPDX-License-Identifier: GPL-2.0-only
/*
 * An object's address cannot be predicted: over processes that do the same,
 * each bit from that of a page to that of half a terabyte is sometimes set and
 * sometimes clear.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patience.h"

#define RUNS	64
/*
 * A fair bit has one value in more than 57 of 64 draws only once in 10^10
 * times.
 */
#define FEWEST	8
/*
 * libshim chooses the bits from 8 KiB to half a terabyte.  arm64's kernel moves
 * that by less than a gigabyte, x86-64's by half a terabyte, so that there the
 * bit of a terabyte changes, too.
 */
#ifdef __aarch64__
#define BITS	27
#else
#define BITS	28
#endif

/* The address of the first object of a process. */
static uintptr_t address_of(int how)
{
	uintptr_t at = 0;
	int pipefd[2];
	pid_t pid;

	if (pipe(pipefd))
		return 0;
	pid = fork();
	if (!pid) {
		personality((unsigned long)how);
		dup2(pipefd[1], 9);
		execl("/proc/self/exe", "random", "address", (char *)NULL);
		_exit(3);
	}
	close(pipefd[1]);
	if (read(pipefd[0], &at, sizeof(at)) != sizeof(at))
		at = 0;
	close(pipefd[0]);
	waitpid(pid, NULL, 0);
	return at;
}

TEST(bits)
{
	int how = personality(0xffffffff);
	unsigned int i, bit, ones, random = 0;
	uintptr_t at[RUNS];

	if (how & ADDR_NO_RANDOMIZE)
		SKIP(return, "addresses are not random here");
	for (i = 0; i < RUNS; i++) {
		at[i] = address_of(how);
		ASSERT_NE(0, at[i]);
	}
	for (bit = 0; bit < 47; bit++) {
		ones = 0;
		for (i = 0; i < RUNS; i++)
			ones += at[i] >> bit & 1;
		random += ones >= FEWEST && ones <= RUNS - FEWEST;
	}
	EXPECT_LE(BITS, random);
}

/* A debugger asks for the same addresses each time, and gets them. */
TEST(none_if_not_wanted)
{
	uintptr_t at = address_of(ADDR_NO_RANDOMIZE);

	ASSERT_NE(0, at);
	EXPECT_EQ(at, address_of(ADDR_NO_RANDOMIZE));
	EXPECT_EQ(at, address_of(ADDR_NO_RANDOMIZE));
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "address")) {
		uintptr_t at = (uintptr_t)malloc(100);

		return write(9, &at, sizeof(at)) != sizeof(at);
	}
	return test_harness_run(argc, argv);
}
