# SPDX-License-Identifier: GPL-2.0-only
# The lower half: side files, page heap, backends.

heap := pageheap pageheap_bits pageheap_move pageheap_block \
	pageheap_filler pageheap_room pageheap_runs pageheap_segment pageheap_taken \
	pageheap_resize pageheap_release pageheap_stat pageheap_check \
	pageheap_transit pageheap_mesh \
	scavenger limit lock clock meta node pagemap fake_error

PROGRAMS += lock
lock := lock

PROGRAMS += clock
clock := clock

PROGRAMS += meta
meta := meta lock

PROGRAMS += pagemap
pagemap := pagemap meta lock

# where the compiler finds liburcu's headers: a foreign one may not
ifneq ($(shell echo '\#include <urcu/urcu-memb.h>' | $(CC) -E - 2>/dev/null),)
PROGRAMS += pagemap_readers
pagemap_readers := pagemap meta lock
pagemap_readers_libs := -lurcu-memb
endif

PROGRAMS += pageheap_bits
pageheap_bits := pageheap_bits

PROGRAMS += pageheap
pageheap := $(heap) fake_backend fake_conf

PROGRAMS += pageheap_node
pageheap_node := $(heap) fake_backend fake_conf

PROGRAMS += pageheap_short
pageheap_short := $(heap) fake_backend fake_conf

PROGRAMS += pageheap_refused
pageheap_refused := $(heap) fake_backend fake_conf

PROGRAMS += pageheap_grow
pageheap_grow := $(heap) fake_backend fake_conf

PROGRAMS += pageheap_move
pageheap_move := $(heap) fake_backend fake_conf

PROGRAMS += pageheap_mesh
pageheap_mesh := $(heap) fake_backend fake_conf

PROGRAMS += pageheap_walk
pageheap_walk := $(heap) fake_backend fake_conf

PROGRAMS += pageheap_fail
pageheap_fail := $(heap) fake_backend fake_conf

PROGRAMS += scavenger_time
scavenger_time := $(filter-out clock,$(heap)) fake_clock fake_backend fake_conf

PROGRAMS += transit
transit := $(heap) fake_backend fake_conf

PROGRAMS += scavenger
scavenger := $(heap) fake_backend fake_conf

PROGRAMS += limit
limit := limit lock fake_conf

PROGRAMS += limit_fork
limit_fork := $(heap) fake_backend fake_conf

PROGRAMS += backend
backend := backend backend_thp backend_kmod fake_conf

PROGRAMS += backend_move
backend_move := backend backend_thp backend_kmod fake_conf

PROGRAMS += large
large := large $(filter-out clock,$(heap)) fake_clock fake_backend fake_conf
