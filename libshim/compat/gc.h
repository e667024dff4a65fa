/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gc.h: the former place of gc/gc.h.
 */
#include "gc/gc.h"
