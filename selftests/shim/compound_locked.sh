#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The same with caches behind locks.
GLIBC_TUNABLES=glibc.pthread.rseq=0 exec "$(dirname "$0")/compound"
