/* SPDX-License-Identifier: GPL-2.0-only */
/* /proc/hugearena/: stat, arenas, pool, latency; see Documentation/ABI. */
#ifndef _HUGEARENA_PROC_H
#define _HUGEARENA_PROC_H

int ha_proc_init(void);
void ha_proc_exit(void);

#endif /* _HUGEARENA_PROC_H */
