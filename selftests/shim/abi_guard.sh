#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The same with every allocation guarded, as long as there are slots.
SHIM_GUARD=1 exec "$(dirname "$0")/abi"
