# SPDX-License-Identifier: GPL-2.0-only
# The upper half: size classes, spans, central lists, caches, options.

override CFLAGS += -I$(O)/libshim/gen

side := sizeclass pagemap meta lock error
slabs := percpu percpu_idle percpu_lock percpu_size percpu_slab

TESTS += sizeclass
sizeclass := sizeclass

TESTS += span
span := span fake_pageheap $(side)

TESTS += central
central := central span fake_pageheap $(side)

TESTS += transfer
transfer := transfer fake_central $(side)

TESTS += percpu_slab
percpu_slab := percpu_slab sizeclass

TESTS += percpu_size
percpu_size := $(slabs) fake_transfer $(side)

TESTS += percpu
percpu := $(slabs) fake_transfer $(side)

TESTS += conf
conf := conf error sizeclass

TESTS += error
error := error sizeclass
