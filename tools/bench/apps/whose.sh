#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# usage: whose.sh PROGRAM
# The files that the dynamic linker takes malloc from for PROGRAM, under $ALLOC.
# shellcheck disable=SC2086 # $ALLOC is "env NAME=VALUE ..."
$ALLOC LD_BIND_NOW=1 LD_DEBUG=bindings "$1" --version </dev/null 2>&1 |
	awk '/binding file .* normal symbol `malloc'\''/ {
		sub(/^.* to /, "")
		sub(/ \[.*$/, "")
		print
	}' | sort -u
