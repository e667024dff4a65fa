// SPDX-License-Identifier: LGPL-2.1-or-later
/* node: what is known about NUMA nodes.  Set by percpu and the page heap. */
#include "node.h"

struct node_known node_known;
