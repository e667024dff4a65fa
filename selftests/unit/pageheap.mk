# SPDX-License-Identifier: GPL-2.0-only
# The lower half: side files, page heap, backends.

heap := pageheap pageheap_bits pageheap_block pageheap_filler pageheap_runs \
	pageheap_resize pageheap_release pageheap_stat pageheap_check \
	scavenger scavenger_thread limit lock meta pagemap fake_error

TESTS += lock
lock := lock

TESTS += meta
meta := meta lock

TESTS += pagemap
pagemap := pagemap meta lock

TESTS += pageheap_bits
pageheap_bits := pageheap_bits

TESTS += pageheap
pageheap := $(heap) fake_backend fake_conf

TESTS += pageheap_walk
pageheap_walk := $(heap) fake_backend fake_conf

TESTS += pageheap_fail
pageheap_fail := $(heap) fake_backend fake_conf

TESTS += scavenger
scavenger := $(heap) fake_backend fake_conf

TESTS += limit
limit := limit lock fake_conf

TESTS += backend
backend := backend backend_thp backend_kmod fake_conf

TESTS += large
large := large $(heap) fake_backend fake_conf
