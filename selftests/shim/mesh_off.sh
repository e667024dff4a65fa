#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The same on memory that cannot be meshed, although it was asked for.
said=$(SHIM_BACKEND=thp SHIM_OPTIONS=mesh=1 "$(dirname "$0")/mesh" 2>&1)
status=$?
echo "$said" | grep -v '^libshim: mesh=1: '
# once in each process
echo "$said" | grep -q '^libshim: mesh=1: spans are not meshed: ' || {
	echo "# nobody says why spans are not meshed"
	exit 1
}
exit $status
