/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faults in arenas, as the kernel's mm calls them (struct vm_operations_struct).
 */
#ifndef _HUGEARENA_MAP_FAULT_H
#define _HUGEARENA_MAP_FAULT_H

#include "arena.h"
#include "compat.h"

/**
 * ha_map_fault() - .fault
 * @vmf: as the kernel prepared it
 * @cow: the VMA is copy-on-write: what is read is mapped read-only
 *
 * Return: VM_FAULT_LOCKED with a locked folio, or an error for the kernel.
 */
vm_fault_t ha_map_fault(struct vm_fault *vmf, bool cow);

#ifdef HA_INSERTS_BLOCKS
/* .huge_fault of a plain VMA: map a whole block, or VM_FAULT_FALLBACK. */
vm_fault_t ha_map_fault_huge(struct vm_fault *vmf, unsigned int order);
#endif

/* .page_mkwrite: first write to a page that a copy-on-write VMA maps. */
vm_fault_t ha_map_mkwrite(struct vm_fault *vmf);

#endif /* _HUGEARENA_MAP_FAULT_H */
