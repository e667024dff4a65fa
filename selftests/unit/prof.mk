# SPDX-License-Identifier: GPL-2.0-only
# The sampled heap profile.

PROGRAMS += prof
prof := prof prof_dump meta lock conf error sizeclass clock

PROGRAMS += large_move
large_move := large prof fake_dump $(heap) fake_backend fake_conf
