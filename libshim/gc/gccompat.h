/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gccompat: libgc's calls by ours: what its two files share.
 */
#ifndef SHIM_GC_COMPAT_H
#define SHIM_GC_COMPAT_H

/**
 * gccompat_finalize - who calls finalizers, by the settings so far
 */
void gccompat_finalize(void);

#endif /* SHIM_GC_COMPAT_H */
