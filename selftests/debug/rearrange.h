/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations that change where an arena has its memory and leave the content
 * as it is: meshing, splitting, moving to another node.  @rnd is the state of
 * the operation's random numbers.
 */
#ifndef SELFTESTS_DEBUG_REARRANGE_H
#define SELFTESTS_DEBUG_REARRANGE_H

#include "model.h"

/*
 * Mesh up to 16 pages with as many others, after giving each a lane, and half
 * of the time after splitting their blocks.  Where that is refused for the
 * moment, split and try again, 20 times a second, @tries times in all.  Return:
 * how many pairs of ranges were meshed, 0 or 1, or -1 after saying why.
 */
int model_mesh(struct model *m, __u64 *rnd, unsigned int tries);

/* Split some blocks; 0, or -1 after saying why. */
int model_split(struct model *m, __u64 *rnd);

/*
 * Move some blocks to one of the machine's first two nodes.  Return: how many
 * moved, or -1 after saying why.
 */
int model_move(struct model *m, __u64 *rnd);

#endif
