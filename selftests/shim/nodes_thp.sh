#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The same in anonymous memory.
SHIM_BACKEND=thp exec "$(dirname "$0")/nodes"
