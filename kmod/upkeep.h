/* SPDX-License-Identifier: GPL-2.0-only */
/* What a worker does for an arena in the background, once a second. */
#ifndef _HUGEARENA_UPKEEP_H
#define _HUGEARENA_UPKEEP_H

#include <linux/workqueue.h>

/**
 * ha_upkeep_work() - look after one arena
 * @work: its upkeep
 *
 * Lets an idle reserve fall, folds overlays whose base nobody else uses, joins
 * split blocks that are full again, makes the VMAs plain when nothing is shared
 * any more, and replaces those that keep tables of PTEs under whole blocks.
 * Plans itself again while there is something to wait for.
 */
void ha_upkeep_work(struct work_struct *work);

#endif /* _HUGEARENA_UPKEEP_H */
