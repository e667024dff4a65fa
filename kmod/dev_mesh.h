/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _HUGEARENA_DEV_MESH_H
#define _HUGEARENA_DEV_MESH_H

#include "mesh.h"

/**
 * ha_dev_mesh() - HUGEARENA_IOC_MESH
 * @f: the file's family
 * @a: the caller's arena
 * @user: struct hugearena_mesh
 *
 * Return: 0, or what the ioctl fails with.
 */
long ha_dev_mesh(struct ha_family *f, struct ha_arena *a, void __user *user);

#endif /* _HUGEARENA_DEV_MESH_H */
