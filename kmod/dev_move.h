/* SPDX-License-Identifier: GPL-2.0-only */
/* The ioctl that moves blocks. */
#ifndef _HUGEARENA_DEV_MOVE_H
#define _HUGEARENA_DEV_MOVE_H

#include "move.h"

/**
 * ha_dev_move() - HUGEARENA_IOC_MOVE
 * @f: the arena's family
 * @a: the caller's arena
 * @user: address of a struct hugearena_move_to
 *
 * Return: 0 or a negative errno.
 */
long ha_dev_move(struct ha_family *f, struct ha_arena *a, void __user *user);

#endif /* _HUGEARENA_DEV_MOVE_H */
