// SPDX-License-Identifier: GPL-2.0-only
/* A statically linked program that waits for its standard input to end. */
#include <unistd.h>

int main(void)
{
	char c;

	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}
