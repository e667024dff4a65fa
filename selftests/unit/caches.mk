# SPDX-License-Identifier: GPL-2.0-only
# The upper half: size classes, spans, central lists, caches, options.

override CFLAGS += -I$(O)/libshim/gen

side := sizeclass pagemap compound meta node lock error clock
many := percpu percpu_boot percpu_idle percpu_keep percpu_lock percpu_near \
	percpu_own percpu_slab percpu_stack percpu_stat
slabs := $(many) percpu_key

PROGRAMS += sizeclass
sizeclass := sizeclass

PROGRAMS += span
span := span span_mesh fake_pageheap $(side)

PROGRAMS += central
central := central central_alias central_compound central_list central_mesh span \
	span_compound span_mesh fake_pageheap $(side)

PROGRAMS += compound
compound := $(central)

PROGRAMS += mesh
mesh := $(central)

PROGRAMS += mesh_pace
mesh_pace := $(filter-out clock,$(central)) fake_clock

PROGRAMS += transfer
transfer := transfer fake_central $(side)

PROGRAMS += percpu_slab
percpu_slab := percpu_slab sizeclass

PROGRAMS += percpu_stack
percpu_stack := $(slabs) fake_transfer fake_large $(side)

PROGRAMS += percpu
percpu := $(slabs) fake_transfer fake_large $(side)

PROGRAMS += percpu_time
percpu_time := $(percpu)

PROGRAMS += percpu_steps
percpu_steps := $(slabs:%=steps_%) fake_rseq fake_transfer fake_large $(side)

PROGRAMS += percpu_keep
percpu_keep := $(percpu_steps)

PROGRAMS += percpu_many
percpu_many := $(many) fake_key fake_transfer fake_large $(side)

PROGRAMS += rseq
rseq := percpu_slab sizeclass

PROGRAMS += rseq_played
rseq_played := percpu_slab sizeclass

PROGRAMS += conf
conf := conf error sizeclass

PROGRAMS += error
error := error sizeclass
