#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The same with every allocation on a guarded page.
SHIM_GUARD=1 exec "$(dirname "$0")/guard"
