// SPDX-License-Identifier: GPL-2.0-only
/* Options as they are when nobody sets any. */
#include "base/conf.h"

struct shim_conf shim_conf = {
	.backend = SHIM_BACKEND_AUTO,
	.populate_max = (size_t)64 << 20,
	.scavenger = true,
};

bool shim_armed = true;
