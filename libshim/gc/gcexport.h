/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gcexport: what shim_gc.h declares is what the library exports.
 */
#ifndef SHIM_GC_EXPORT_H
#define SHIM_GC_EXPORT_H

#pragma GCC visibility push(default)
#include "include/shim_gc.h"
#pragma GCC visibility pop

#endif /* SHIM_GC_EXPORT_H */
