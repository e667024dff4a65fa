#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The same with one allocation in ten on a guarded page.
SHIM_GUARD=10 exec "$(dirname "$0")/guard"
