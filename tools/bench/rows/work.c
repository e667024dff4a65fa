// SPDX-License-Identifier: GPL-2.0-only
/*
 * work: the program that runs one workload.
 *
 *	work list		name and idea of every workload
 *	work run NAME [SCALE [THREADS]]
 *				run it; print "NAME CHECKSUM"
 *	work whose		print the file that malloc() comes from
 *	work child		the life of a small process (workload procs)
 *
 * The runner starts it once for every measurement, with the allocator
 * preloaded, so that nothing of one run is left for the next.
 */
#include <dlfcn.h>
#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "work.h"

#define WORK_WRITE_MAX	256	/* bytes of an object written in full */
#define WORK_PAGE	4096

static const struct work *const work_themes[] = {
	work_pair, work_order, work_bulk, work_life, work_large,
	work_thread, work_share, work_data, work_proc,
};

#define WORK_THEMES	(sizeof(work_themes) / sizeof(work_themes[0]))

void work_check(int ok, const char *what)
{
	if (!ok)
		errx(1, "%s", what);
}

void work_fill(void *p, size_t size, uint64_t tag)
{
	unsigned char *bytes = p;
	size_t i;

	memset(bytes, (int)tag, size < WORK_WRITE_MAX ? size : WORK_WRITE_MAX);
	for (i = WORK_PAGE; i < size; i += WORK_PAGE)
		bytes[i] = (unsigned char)tag;
	*(uint64_t *)p = tag;
}

void *work_alloc(size_t size, uint64_t tag)
{
	void *p = malloc(size);

	if (!p)
		err(1, "malloc of %zu bytes", size);
	work_fill(p, size, tag);
	return p;
}

void work_threads_run(unsigned int n, void *(*fn)(void *arg), void *args,
		      size_t arg_size)
{
	pthread_t *threads = calloc(n, sizeof(*threads));
	unsigned int i;
	int error;

	work_check(!!threads, "no memory for threads");
	for (i = 0; i < n; i++) {
		error = pthread_create(&threads[i], NULL, fn,
				       (char *)args + i * arg_size);
		work_check(!error, "pthread_create");
	}
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	free(threads);
}

static const struct work *work_find(const char *name)
{
	const struct work *work;
	size_t i;

	for (i = 0; i < WORK_THEMES; i++)
		for (work = work_themes[i]; work->name; work++)
			if (!strcmp(work->name, name))
				return work;
	return NULL;
}

static void work_list(void)
{
	const struct work *work;
	size_t i;

	for (i = 0; i < WORK_THEMES; i++)
		for (work = work_themes[i]; work->name; work++)
			printf("%s\t%s\n", work->name, work->idea);
}

/*
 * The dynamic linker's answer, not this program's own: the address of malloc
 * taken here might be a stub in the executable.
 */
static void work_whose(void)
{
	void *fn = dlsym(RTLD_DEFAULT, "malloc");
	Dl_info info;

	if (!fn || !dladdr(fn, &info) || !info.dli_fname)
		errx(1, "malloc is in no file");
	printf("%s\n", info.dli_fname);
}

static unsigned int work_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	/* at least two, or nothing is shared; at most 16, or nothing ends */
	if (n < 2)
		return 2;
	return n > 16 ? 16 : (unsigned int)n;
}

int main(int argc, char **argv)
{
	struct work_env env = { .scale = 1, .threads = work_cpus() };
	const struct work *work;

	env.self = "/proc/self/exe";
	if (argc == 2 && !strcmp(argv[1], "list")) {
		work_list();
	} else if (argc == 2 && !strcmp(argv[1], "whose")) {
		work_whose();
	} else if (argc == 2 && !strcmp(argv[1], "child")) {
		return work_child() ? 0 : 1;
	} else if (argc >= 3 && argc <= 5 && !strcmp(argv[1], "run")) {
		work = work_find(argv[2]);
		if (!work)
			errx(2, "no workload %s", argv[2]);
		if (argc > 3)
			env.scale = atof(argv[3]);
		if (argc > 4)
			env.threads = (unsigned int)atoi(argv[4]);
		if (env.scale <= 0 || !env.threads || env.threads > 1024)
			errx(2, "bad scale or number of threads");
		printf("%s %016llx\n", work->name,
		       (unsigned long long)work->run(&env));
	} else {
		fprintf(stderr, "usage: work list | whose | child | run NAME [SCALE [THREADS]]\n");
		return 2;
	}
	return fflush(stdout) ? 1 : 0;
}
