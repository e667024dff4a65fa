/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf: the options of the administrator and the user.
 *
 * Read once, at the first allocation, without malloc(): /etc/hugearena.conf,
 * then SHIM_OPTIONS, then SHIM_BACKEND, SHIM_LIMIT and SHIM_GUARD; where two of
 * them set the same option, the later one wins.  A program that runs with
 * raised privileges reads the file only.
 */
#ifndef SHIM_CONF_H
#define SHIM_CONF_H

#include <stdbool.h>
#include <stddef.h>

enum {
	SHIM_BACKEND_AUTO,	/* the module if it is loaded */
	SHIM_BACKEND_KMOD,
	SHIM_BACKEND_THP,
};

enum {
	SHIM_MESH_OFF,
	SHIM_MESH_AUTO,		/* paced, once the heap has blocks of the module */
	SHIM_MESH_ON,		/* from the start, and what is freed pays for it */
};

#define SHIM_FILE_MAX	128	/* of profile_file, with the NUL */

/**
 * struct shim_conf - the options, by name; libshim(7) describes them
 *
 * Written before the first allocation returns; constant afterwards.
 */
struct shim_conf {
	size_t backend;		/* SHIM_BACKEND_* */
	size_t mesh;		/* SHIM_MESH_* */
	size_t limit;		/* bytes, 0: none */
	size_t populate_max;	/* bytes faulted in at a time */
	size_t guard;		/* one allocation in this many, 0: none */
	size_t profile;		/* mean bytes between samples, 0: none */
	size_t cache;		/* bytes for each CPU, 0: follow the heap's size */
	bool limit_hard;
	bool populate;
	bool scavenger;
	bool check;
	bool compound;
	bool deepbind;
	bool rseq;
	bool stats;
	bool verbose;
	bool profile_exit;	/* the three moments for a file */
	bool profile_peak;
	size_t profile_signal;	/* 0: none */
	char profile_file[SHIM_FILE_MAX];	/* begin of its name; "": none */
};

/*
 * Constructors have begun to run, so the unwinder may be loaded.  Set by a
 * constructor; it lies beside the options to save a page.
 */
extern bool shim_armed __attribute__((visibility("hidden")));

extern struct shim_conf shim_conf __attribute__((visibility("hidden")));

/**
 * conf_load - fill shim_conf
 * @file: the file's path, or NULL for none
 * @envp: the environment, or NULL for none
 *
 * Reports what it does not understand, each once, with shim_say().
 *
 * Return: number of options it did not understand.
 */
unsigned int conf_load(const char *file, char *const *envp);

/**
 * conf_parse - set options from text
 * @text: "name=value" separated by commas, blanks or newlines; '#' begins a
 *	comment that lasts to the end of its line
 * @len: its length
 * @where: what to call the text in reports
 *
 * Return: number of options it did not understand.
 */
unsigned int conf_parse(const char *text, size_t len, const char *where);

/**
 * conf_print - write the options in force as text that conf_parse() accepts
 * @buf: where to
 * @len: its length, not 0
 *
 * Return: bytes written, without the NUL.
 */
size_t conf_print(char *buf, size_t len);

#endif /* SHIM_CONF_H */
