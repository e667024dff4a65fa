/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Load and unload hugearena.ko, by system call.
 */
#ifndef SELFTESTS_LIB_MODULE_H
#define SELFTESTS_LIB_MODULE_H

#include <stdbool.h>
#include <stddef.h>

/* The file: $HUGEARENA_KO, else /ko/hugearena.ko; NULL if neither is there. */
const char *module_file(void);

bool module_loaded(void);

/* Load it with @params ("pool_mb=8"); 0, or -1 and errno. */
int module_load(const char *params);

/* Load what is in memory, @params as they are; 0, or -1 and errno. */
int module_load_image(const void *image, size_t len, const char *params);

/* Unload it, without waiting; 0, or -1 and errno. */
int module_unload(void);

/* As module_unload(), retried for a minute while the module is in use. */
int module_unload_wait(void);

#endif
