# SPDX-License-Identifier: GPL-2.0-only
# The sampled heap profile.

PROGRAMS += prof
prof := prof meta lock conf error sizeclass clock

PROGRAMS += large_move
large_move := large prof $(heap) fake_backend fake_conf
