/* SPDX-License-Identifier: GPL-2.0-only */
/* The ioctls that inspect an arena. */
#ifndef _HUGEARENA_DEV_LOOK_H
#define _HUGEARENA_DEV_LOOK_H

#include "arena.h"

/**
 * ha_dev_blocks() - HUGEARENA_IOC_BLOCKS
 * @f: the arena's family
 * @a: arena
 * @user: address of a struct hugearena_blocks
 *
 * Return: how many blocks were described, or a negative errno.
 */
long ha_dev_blocks(struct ha_family *f, struct ha_arena *a, void __user *user);

/**
 * ha_dev_stat() - HUGEARENA_IOC_STAT
 * @f: the arena's family
 * @a: arena
 * @user: address of a struct hugearena_stat
 *
 * Return: 0 or a negative errno.
 */
long ha_dev_stat(struct ha_family *f, struct ha_arena *a, void __user *user);

#endif /* _HUGEARENA_DEV_LOOK_H */
