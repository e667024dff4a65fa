#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The same with a profile: many an object is a sample, with a span of its own.
SHIM_OPTIONS=profile=1k exec "$(dirname "$0")/abi"
