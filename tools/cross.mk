# SPDX-License-Identifier: GPL-2.0-only
# cross: ARCH=arm64, everything for that machine instead of this one.
#
# Included by the Makefile.  Compiler and binutils are Debian's cross packages;
# libraries, and what the VM runs, come from the archive into the cache, see
# selftests/vm/sysroot; nothing of another machine's is installed.

ifneq ($(ARCH),arm64)
$(error ARCH=$(ARCH): it is arm64, or not set for this machine)
endif

O ?= build/arm64
CROSS_COMPILE := aarch64-linux-gnu-

ifeq ($(shell command -v $(CROSS_COMPILE)g++),)
$(error no $(CROSS_COMPILE)g++: 'sh tools/up $(or $(firstword $(MAKECMDGOALS)),all) ARCH=$(ARCH)' installs what is needed)
endif

ifneq ($(filter help clean docs,$(MAKECMDGOALS)),$(or $(MAKECMDGOALS),all))
SYSROOT := $(shell ARCH=$(ARCH) selftests/vm/sysroot)
ifeq ($(SYSROOT),)
$(error no libraries of $(ARCH))
endif
endif

HOSTCC := cc
CC := $(CROSS_COMPILE)gcc --sysroot=$(SYSROOT)
CXX := $(CROSS_COMPILE)g++ --sysroot=$(SYSROOT)
LD := $(CROSS_COMPILE)ld
AR := $(CROSS_COMPILE)ar
OBJCOPY := $(CROSS_COMPILE)objcopy
PKG_CONFIG_LIBDIR := $(SYSROOT)/usr/lib/aarch64-linux-gnu/pkgconfig
PKG_CONFIG_SYSROOT_DIR := $(SYSROOT)
export ARCH CROSS_COMPILE SYSROOT HOSTCC CC CXX LD AR OBJCOPY \
	PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR
