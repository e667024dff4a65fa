#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The same with every free checked against its span, and no caches.
SHIM_OPTIONS=check=1 exec "$(dirname "$0")/abi"
