#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Run a program that knows nothing of libshim on it, and see that it is.  "$1" is
# the library, by default the one that is installed.
library=${1:-libshim.so.0}
SHIM_OPTIONS=verbose=1 LD_PRELOAD=$library sort /dev/null 2>&1 |
	grep "libshim: ready"
