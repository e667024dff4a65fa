/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much memory a NUMA node has left for those who really need it.
 *
 * A shrinker is called whenever the kernel looks for free pages, which it does
 * all the time while files are read, since page cache fills whatever is free.
 * Memory that was set aside must not be spent on that.  A node is short only
 * when it has little free memory and little page cache, because then there is
 * nowhere else to take memory from.  A side file: it only reads the kernel's
 * counters.
 */
#ifndef _HUGEARENA_SCARCITY_H
#define _HUGEARENA_SCARCITY_H

#include <linux/types.h>

/**
 * ha_scarcity_is_short() - is a node short of memory?
 * @nid: an online node
 * @held: 4 KiB pages of it that are set aside, and not counted as its size
 *
 * Return: true when free pages above the high watermarks and page cache are
 * less than a sixteenth of the rest of the node.  A sixteenth is what the
 * kernel needs to keep programs' own text and files in memory (1 GiB of 16);
 * below it, reading files starts to take what runs.
 */
bool ha_scarcity_is_short(int nid, unsigned long held);

/**
 * ha_scarcity_room() - how many pages may be set aside again?
 * @nid: an online node
 * @held: as above
 *
 * Return: 4 KiB pages that leave the node twice what would make it short, so
 * that taking them does not make it give them back at once.
 */
unsigned long ha_scarcity_room(int nid, unsigned long held);

#endif /* _HUGEARENA_SCARCITY_H */
