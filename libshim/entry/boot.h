/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * boot: what is set up before the first allocation, and who calls it.
 */
#ifndef SHIM_BOOT_H
#define SHIM_BOOT_H

#define BOOT_LAYERS	3	/* slots: the libraries above, lowest first */

/**
 * boot_on_idle - have a layer above called at a good moment for background work
 * @slot: which layer
 * @fn: as for seam_on_idle()
 *
 * A slot is filled once; later calls change nothing.
 */
void boot_on_idle(unsigned int slot, void (*fn)(void)) __attribute__((cold));

#endif /* SHIM_BOOT_H */
