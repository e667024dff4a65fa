// SPDX-License-Identifier: GPL-2.0-only
/*
 * Load and unload hugearena.ko.  The kernel drops a dead process's files a
 * moment after the process was waited for, hence module_unload_wait().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>
#include "module.h"

#define UNLOAD_TRIES	1200
#define UNLOAD_PAUSE_US	50000

const char *module_file(void)
{
	const char *file = getenv("HUGEARENA_KO");

	if (!file)
		file = "/ko/hugearena.ko";
	return access(file, R_OK) ? NULL : file;
}

bool module_loaded(void)
{
	return !access("/sys/module/hugearena", F_OK);
}

/*
 * @params, plus the parameter that allows a kernel on which the module was not
 * tested: the tests are what tries it there.
 */
static const char *params_complete(const char *params, char *buf, size_t len)
{
	const char *given = getenv("HUGEARENA_PARAMS");

	if (!given || !strstr(given, "untested_kernel=1") ||
	    strstr(params, "untested_kernel="))
		return params;
	snprintf(buf, len, "untested_kernel=1 %s", params);
	return buf;
}

int module_load_image(const void *image, size_t len, const char *params)
{
	return syscall(SYS_init_module, image, len, params);
}

int module_load(const char *params)
{
	const char *file = module_file();
	char buf[512];
	int fd, err;
	long ret;

	if (!file) {
		errno = ENOENT;
		return -1;
	}
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = syscall(SYS_finit_module, fd,
		      params_complete(params, buf, sizeof(buf)), 0);
	err = errno;
	close(fd);
	errno = err;
	return ret;
}

int module_unload(void)
{
	return syscall(SYS_delete_module, "hugearena", O_NONBLOCK);
}

int module_unload_wait(void)
{
	int i;

	for (i = 0; i < UNLOAD_TRIES; i++) {
		if (!module_unload())
			return 0;
		if (errno != EBUSY && errno != EAGAIN)
			return -1;
		usleep(UNLOAD_PAUSE_US);
	}
	errno = EBUSY;
	return -1;
}
