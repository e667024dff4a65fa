/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inspect: where a tool outside the process finds the data of the library.
 *
 * The hugearena command finds the symbol shim_inspect in the library's file,
 * and reads the process's memory through /proc/PID/mem from there on.  The
 * process does not notice: it takes no lock for this, needs no thread and pays
 * nothing.  What the tool reads is a snapshot whose counts may be off by what
 * happened meanwhile.  The tool is compiled with the library's headers, and
 * compares INSPECT_LAYOUT before it trusts any data.
 */
#ifndef SHIM_INSPECT_H
#define SHIM_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "pageheap/pageheap_int.h"
#include "base/pagemap.h"
#include "cache/percpu_int.h"
#include "base/prof.h"
#include "pageheap/scavenger.h"
#include "base/sizeclass.h"
#include "cache/transfer_int.h"

#define INSPECT_MAGIC	"shimview"

/* Changes whenever the layout of anything that the tool reads does. */
#define INSPECT_MIX(a, b)	((uint32_t)(a) * 31u + (uint32_t)(b))
#define INSPECT_LAYOUT							\
	INSPECT_MIX(INSPECT_MIX(					\
	INSPECT_MIX(INSPECT_MIX(INSPECT_MIX(INSPECT_MIX(INSPECT_MIX(	\
	INSPECT_MIX(INSPECT_MIX(INSPECT_MIX(INSPECT_MIX(		\
		sizeof(struct span), offsetof(struct span, bitmap)),	\
		sizeof(struct area_map) + sizeof(struct pagemap)),	\
		sizeof(struct block)),					\
		offsetof(struct block, whole)), sizeof(struct pageheap)), \
		sizeof(struct percpu_slab)), sizeof(struct transfer)),	\
		sizeof(struct shim_prof)),				\
		SIZECLASS_COUNT * TRANSFER_DOMAINS),			\
		sizeof(struct scavenger)), sizeof(struct shim_conf))

/**
 * struct shim_inspect - the addresses
 * @magic: INSPECT_MAGIC, without its NUL
 * @layout: INSPECT_LAYOUT
 * @size: of this structure
 * @pagemap: pagemap
 * @sizes: sizeclass_info, by class
 * @hot: percpu_hot
 * @percpu: percpu
 * @none: percpu_none, the slab of a CPU that has none
 * @locked: percpu_locked
 * @transfer: transfer_dom
 * @heap: ph
 * @scavenger: scav
 * @limit: limit_lowest
 * @conf: shim_conf
 * @prof: shim_prof
 * @ready: entry_ready: before it is set, nothing above may be written
 *
 * Constant.
 */
struct shim_inspect {
	char magic[8];
	uint32_t layout;
	uint32_t size;
	const struct pagemap *pagemap;
	const struct sizeclass *sizes;
	const struct percpu_hot *hot;
	const struct percpu *percpu;
	const struct percpu_slab *none;
	struct percpu_slab **locked;
	struct transfer *const *transfer;
	const struct pageheap *heap;
	const struct scavenger *scavenger;
	const size_t *limit;
	const struct shim_conf *conf;
	struct shim_prof *prof;
	const bool *ready;
};

extern const struct shim_inspect shim_inspect;

#endif /* SHIM_INSPECT_H */
