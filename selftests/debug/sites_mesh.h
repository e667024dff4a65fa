/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations of failnth on memory that is meshed, for the table in sites.c.
 * The ground is four blocks of pages_fill(..., 1), but two runs of pages have
 * their content in the first half of each page and in the second.
 */
#ifndef SELFTESTS_DEBUG_SITES_MESH_H
#define SELFTESTS_DEBUG_SITES_MESH_H

#include "sites.h"

/* The two runs, ready to be meshed; meshed; beside a relative that waits. */
int prepare_meshable(struct ground *g);
int prepare_meshed(struct ground *g);
int prepare_fork_meshed(struct ground *g);
int prepare_shared_meshed(struct ground *g);

int act_mesh(struct ground *g);
int act_fork_meshed(struct ground *g);
int act_write_meshed(struct ground *g);
int act_release_meshed(struct ground *g);

/* All is intact; in the child, too; the first run may be released. */
int check_meshed(struct ground *g, int err);
int check_meshed_both(struct ground *g, int err);
int check_meshed_released(struct ground *g, int err);

#endif
