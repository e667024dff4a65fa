#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# No way to grow goes past a hard limit.
SHIM_OPTIONS=limit=64m,limit_hard=1 exec "$(dirname "$0")/limit"
