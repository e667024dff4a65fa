// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * inspect: where a tool outside the process finds the data of the library.
 *
 * Data only; nothing in the library uses it.
 */
#include <stddef.h>

#include "entry.h"
#include "inspect.h"
#include "pageheap/limit.h"

__attribute__((visibility("default"), used))
const struct shim_inspect shim_inspect = {
	.magic = { 's', 'h', 'i', 'm', 'v', 'i', 'e', 'w' },
	.layout = INSPECT_LAYOUT,
	.size = sizeof(struct shim_inspect),
	.pagemap = &pagemap,
	.sizes = sizeclass_info,
	.hot = &percpu_hot,
	.percpu = &percpu,
	.none = &percpu_none,
	.locked = percpu_locked,
	.transfer = transfer_dom,
	.heap = &ph,
	.scavenger = &scav,
	.limit = &limit_lowest,
	.conf = &shim_conf,
	.prof = &shim_prof,
	.ready = &entry_ready,
};
