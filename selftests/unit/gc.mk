# SPDX-License-Identifier: GPL-2.0-only
# The collector's arithmetic.

PROGRAMS += pacer
pacer := pacer limiter lock error sizeclass
