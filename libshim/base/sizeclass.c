// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * sizeclass: the tables, made at build time by tools/mksizeclasses.c.
 */
#include "sizeclass.h"

#include "sizeclass_table.h"	/* generated */
