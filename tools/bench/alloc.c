// SPDX-License-Identifier: GPL-2.0-only
/*
 * alloc: the allocators that are compared.
 *
 * Each is a library that is preloaded, glibc too: a program that is linked with
 * an allocator of its own (Debian's redis is) would otherwise use that one.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const char *const alloc_dirs[] = {
	"/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib",
};

/* name=library of the peers, and the Debian package that has it */
static const struct {
	const char *spec;
	const char *package;
} alloc_peers[] = {
	{ "jemalloc=libjemalloc.so.2", "libjemalloc2" },
	{ "mimalloc=libmimalloc.so.2", "libmimalloc2.0" },
	{ "tcmalloc=libtcmalloc_minimal.so.4", "libtcmalloc-minimal4" },
};

/* variables that tune an allocator: the contest is between the defaults */
static const char *const alloc_tuning[] = {
	"LD_PRELOAD=", "GLIBC_TUNABLES=", "MALLOC_", "MIMALLOC_", "JEMALLOC_",
	"TCMALLOC_", "SHIM_",
};

static char *alloc_find(const char *library)
{
	char path[4096];
	size_t i;

	if (strchr(library, '/'))
		return realpath(library, NULL);
	for (i = 0; i < ARRAY_SIZE(alloc_dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", alloc_dirs[i], library);
		if (!access(path, R_OK))
			return realpath(path, NULL);
	}
	return NULL;
}

static char *alloc_format(const char *a, const char *b, const char *c)
{
	size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
	char *text = malloc(size);

	if (!text)
		err(1, "no memory");
	snprintf(text, size, "%s%s%s", a, b, c);
	return text;
}

static void alloc_prefix_make(struct alloc *alloc)
{
	char *longer;
	unsigned int i;

	alloc->prefix = alloc_format("env", "", "");
	for (i = 0; i < alloc->nvars; i++) {
		longer = alloc_format(alloc->prefix, " ", alloc->vars[i]);
		free(alloc->prefix);
		alloc->prefix = longer;
	}
}

int alloc_set_add(struct alloc_set *set, const char *spec, bool ours)
{
	struct alloc *alloc = &set->alloc[set->n];
	char *copy, *library, *var, *next;
	int error = -EINVAL;

	if (set->n == ALLOC_MAX)
		return -E2BIG;
	memset(alloc, 0, sizeof(*alloc));
	copy = alloc_format(spec, "", "");
	library = strchr(copy, '=');
	if (!library || library == copy)
		goto fail;
	*library++ = '\0';
	var = strchr(library, ',');
	if (var)
		*var++ = '\0';
	error = -ENOENT;
	alloc->path = alloc_find(library);
	if (!alloc->path)
		goto fail;
	alloc->name = copy;
	alloc->ours = ours;
	alloc->vars[alloc->nvars++] = alloc_format("LD_PRELOAD=", alloc->path,
						   "");
	error = -EINVAL;
	for (; var; var = next) {
		next = strchr(var, ',');
		if (next)
			*next++ = '\0';
		if (!strchr(var, '=') || alloc->nvars == ALLOC_VARS)
			goto fail;
		alloc->vars[alloc->nvars++] = alloc_format(var, "", "");
	}
	alloc_prefix_make(alloc);
	set->n++;
	return 0;
fail:
	while (alloc->nvars)
		free(alloc->vars[--alloc->nvars]);
	free(alloc->path);
	free(copy);
	return error;
}

static void alloc_set_add_shim(struct alloc_set *set, const char *shim)
{
	char *spec;
	int fd;

	if (access(shim, R_OK)) {
		warnx("%s is not built: libshim does not take part", shim);
		return;
	}
	spec = alloc_format("shim-thp=", shim, ",SHIM_BACKEND=thp");
	alloc_set_add(set, spec, true);
	free(spec);
	fd = open("/dev/hugearena", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	close(fd);
	spec = alloc_format("shim-kmod=", shim, ",SHIM_BACKEND=kmod");
	alloc_set_add(set, spec, true);
	free(spec);
}

void alloc_set_add_known(struct alloc_set *set, const char *shim,
			 const char *libc)
{
	char *spec;
	size_t i;

	spec = alloc_format("glibc=", libc, "");
	alloc_set_add(set, spec, false);
	free(spec);
	alloc_set_add_shim(set, shim);
	for (i = 0; i < ARRAY_SIZE(alloc_peers); i++)
		if (alloc_set_add(set, alloc_peers[i].spec, false))
			warnx("%s: not found; apt-get install %s",
			      alloc_peers[i].spec, alloc_peers[i].package);
}

static bool alloc_is_tuning(const char *var)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(alloc_tuning); i++)
		if (!strncmp(var, alloc_tuning[i], strlen(alloc_tuning[i])))
			return true;
	return false;
}

char **alloc_environ(const struct alloc *alloc)
{
	unsigned int n = 0, i;
	char **envp;

	while (environ[n])
		n++;
	envp = calloc(n + ALLOC_VARS + 1, sizeof(*envp));
	if (!envp)
		err(1, "no memory");
	n = 0;
	for (i = 0; environ[i]; i++)
		if (!alloc_is_tuning(environ[i]))
			envp[n++] = alloc_format(environ[i], "", "");
	for (i = 0; alloc && i < alloc->nvars; i++)
		envp[n++] = alloc_format(alloc->vars[i], "", "");
	return envp;
}

void alloc_environ_free(char **envp)
{
	size_t i;

	for (i = 0; envp[i]; i++)
		free(envp[i]);
	free(envp);
}

bool alloc_is_file(const char *a, const char *b)
{
	struct stat sa, sb;

	return !stat(a, &sa) && !stat(b, &sb) && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}
