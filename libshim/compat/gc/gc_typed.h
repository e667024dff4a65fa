/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gc/gc_typed.h: everything is in gc/gc.h.
 */
#include "gc.h"
