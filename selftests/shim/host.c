// SPDX-License-Identifier: GPL-2.0-only
/*
 * host: a program under a preloaded libshim.
 *
 *	host grow		realloc() and the rest of the family
 *	host few		a few small objects: how much is mapped of the code
 *				that only larger processes run
 *	host large		the same for a large object or two at a time
 *	host front		how long the code is that every process runs
 *	host FLAGS		opens plugin.so, found by this program's RUNPATH,
 *				with RTLD_NOW and FLAGS ("deep" or "local"), and
 *				exchanges memory with it
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int grow(void)
{
	char *p = malloc(10);
	int i;

	for (i = 0; i < 20; i++) {
		p = realloc(p, (size_t)10 << i);
		if (!p)
			return 1;
		memset(p, i, (size_t)10 << i);
	}
	free(p);
	free(calloc(100, 100));
	return 0;
}

/* Of libshim's code behind the first mapping; without stdio, which would allocate. */
static int mapped_kb(void)
{
	static char text[1 << 16];
	const char *at = text;
	size_t len = 0;
	ssize_t n;
	int fd = open("/proc/self/smaps", O_RDONLY), kb = 0, i;

	if (fd < 0)
		return -1;
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	for (i = 0; (at = strstr(at + 1, " r-xp ")); ) {
		if (strncmp(strchr(at, '\n') - 12, "libshim.so.0", 12) || !i++)
			continue;
		at = strstr(at, "\nRss:");
		if (!at)
			return -1;
		kb += atoi(at + 5);
	}
	return i == 3 ? kb : -1;
}

/* On another CPU it would take that one's cache. */
static int stay_here(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return cpu < 0 ? -1 : sched_setaffinity(0, sizeof(set), &set);
}

static int mapped_up_to(int most)
{
	int kb = mapped_kb();

	if (kb < 0 || kb > most)
		fprintf(stderr, "%d KiB of what it does not run\n", kb);
	return kb < 0 || kb > most;
}

static int few(void)
{
	void *p[200];
	int i;

	if (stay_here())
		return 1;
	for (i = 0; i < 200; i++)
		p[i] = i % 8 ? malloc((size_t)16 << i % 7) :
			       aligned_alloc(64, 128);
	for (i = 0; i < 200; i++)
		free(p[i]);
	return mapped_up_to(0);
}

static int few_large(void)
{
	void *p;
	int i;

	if (stay_here())
		return 1;
	for (i = 0; i < 20000; i++) {
		p = malloc((size_t)(i % 2 ? 64 : 256) << 10);
		memset(p, i, 1);
		free(p);
	}
	/* the second mapping is 24 KiB; of the third a fault would map up to 64 */
	return mapped_up_to(24);
}

/* OS pages of the first mapping: each that is begun is memory in every process. */
#define FRONT_PAGES	11u

static int front_of(struct dl_phdr_info *info, size_t size, void *pages)
{
	const char *name = strrchr(info->dlpi_name, '/');
	unsigned int i;

	(void)size;
	if (!name || strcmp(name, "/libshim.so.0"))
		return 0;
	for (i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD)
			break;
	if (i == info->dlpi_phnum || !(info->dlpi_phdr[i].p_flags & PF_X))
		return 0;
	*(size_t *)pages = (info->dlpi_phdr[i].p_memsz + 4095) / 4096;
	return 1;
}

static int front(void)
{
	size_t pages = 0;

	dl_iterate_phdr(front_of, &pages);
	if (pages && pages <= FRONT_PAGES)
		return 0;
	fprintf(stderr, "%zu pages in front, not %u\n", pages, FRONT_PAGES);
	return 1;
}

static int open_plugin(int flags)
{
	void *lib = dlopen("plugin.so", RTLD_NOW | flags);
	char *(*take)(char *p);
	char *s;

	if (!lib) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	take = (char *(*)(char *))dlsym(lib, "plugin_take");
	s = take(malloc(100));
	if (strcmp(s, "from the plugin"))
		return 1;
	free(s);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	if (!strcmp(argv[1], "grow"))
		return grow();
	if (!strcmp(argv[1], "few"))
		return few();
	if (!strcmp(argv[1], "large"))
		return few_large();
	if (!strcmp(argv[1], "front"))
		return front();
	return open_plugin(strcmp(argv[1], "deep") ? RTLD_LOCAL : RTLD_DEEPBIND);
}
