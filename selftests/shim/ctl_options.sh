#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The same with options set; the later of two wins, SHIM_LIMIT over the list.
SHIM_OPTIONS='cache = 1m, rseq=off; cache=2m,limit=1g' SHIM_LIMIT=3g \
	exec "$(dirname "$0")/ctl"
