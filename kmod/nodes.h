/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /sys/module/hugearena/nodeN/: what of a node's memory is here.
 *
 * As hugetlb shows its pages a node, so that memory does not look lost.  What the
 * kernel exports lets no module into hugetlb's directories; text in
 * Documentation/ABI/testing/sysfs-module-hugearena.
 */
#ifndef _HUGEARENA_NODES_H
#define _HUGEARENA_NODES_H

int ha_nodes_init(void);
void ha_nodes_exit(void);

#endif /* _HUGEARENA_NODES_H */
