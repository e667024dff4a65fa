# SPDX-License-Identifier: GPL-2.0-only
# Included by every topic's Makefile before $(KSFT)/lib.mk: how its programs
# are compiled, and the library of helpers they are linked with.  OUTPUT is the
# topic's build directory, so the helpers' archive is its sibling.

HELPERS := $(OUTPUT)/../lib/libselftest.a

# lib.mk takes the compiler by CROSS_COMPILE, and knows of no root beside ours.
CFLAGS += $(if $(SYSROOT),--sysroot=$(SYSROOT))
CFLAGS += -std=gnu11 -O2 -g -Wall -Wextra -pthread \
	  -I../lib -I../../kmod/uapi -isystem $(KSFT)
