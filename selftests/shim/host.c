// SPDX-License-Identifier: GPL-2.0-only
/*
 * host: a program under a preloaded libshim.
 *
 *	host grow		realloc() and the rest of the family
 *	host FLAGS		opens plugin.so, found by this program's RUNPATH,
 *				with RTLD_NOW and FLAGS ("deep" or "local"), and
 *				exchanges memory with it
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	return open_plugin(strcmp(argv[1], "deep") ? RTLD_LOCAL : RTLD_DEEPBIND);
}
