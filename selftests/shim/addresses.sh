#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Most of a limited address space can be used; in KiB, 256 MiB.
ulimit -v 262144 && exec "$(dirname "$0")/addresses"
