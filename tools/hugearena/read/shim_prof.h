/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shim_prof: the sampled heap profile of another process.
 */
#ifndef TOOLS_SHIM_PROF_H
#define TOOLS_SHIM_PROF_H

#include "shim.h"

/**
 * struct prof - what was sampled
 * @rate: mean bytes between samples
 * @stack: the records; .next has no meaning, addresses are the process's
 * @addr: address of each record in the process
 * @n: how many
 * @samples: taken, ever
 * @lost: samples that found no memory for a record
 */
struct prof {
	uint64_t rate;
	struct prof_stack *stack;
	uint64_t *addr;
	size_t n;
	uint64_t samples, lost;
};

/**
 * prof_read - read the profile
 * @s: the process
 * @prof: filled in; prof_free() it
 *
 * Return: 0, or a negative errno; -ENODATA if nothing is being sampled.
 */
int prof_read(const struct shim *s, struct prof *prof);
void prof_free(struct prof *prof);

/**
 * prof_load - read a profile from a file
 * @f: text of 'profile --format heap', or of libshim's profile_file
 * @prof: filled in; prof_free() it
 * @maps: the text's list of mappings, to be freed
 * @len: its length
 *
 * Live and total counts are there, no peak.
 *
 * Return: 0, or a negative errno; -EINVAL if it is no such text.
 */
int prof_load(FILE *f, struct prof *prof, char **maps, size_t *len);

/**
 * prof_scale - what a sample stands for
 * @rate: mean bytes between samples
 * @c: samples of about one size
 *
 * A sample of s bytes is taken with a chance of 1 - exp(-s / rate).
 *
 * Return: allocations for each sample, 0 if @c is empty.
 */
double prof_scale(uint64_t rate, const struct prof_count *c);

/**
 * prof_switch - sampling on or off in a process that runs
 * @s: the process
 * @rate: mean bytes between samples, 0 for off
 *
 * Return: 0 or a negative errno; -EAGAIN if it has not allocated anything yet,
 * see shim_ready().
 */
int prof_switch(struct shim *s, uint64_t rate);

/* All records together, scaled: allocations and bytes since the beginning. */
void prof_totals(const struct prof *prof, double *objects, double *bytes);

#endif
