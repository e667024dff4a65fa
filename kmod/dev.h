/* SPDX-License-Identifier: GPL-2.0-only */
/* The device /dev/hugearena and the arena files it makes. */
#ifndef _HUGEARENA_DEV_H
#define _HUGEARENA_DEV_H

int ha_dev_init(void);
void ha_dev_exit(void);

#endif /* _HUGEARENA_DEV_H */
