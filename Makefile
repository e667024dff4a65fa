# SPDX-License-Identifier: GPL-2.0-only
# hugearena: builds, tests, shows and installs everything.  Writes only below
# $(O), except for install; downloads are cached, see selftests/vm/common.sh.
# 'make help' lists targets, README.md the variables.

# the module says it, for DKMS and modinfo
VERSION := $(shell sed -n 's/^MODULE_VERSION("\(.*\)");/\1/p' kmod/main.c)

ifneq ($(ARCH),)
include tools/cross.mk
endif
O ?= build
o := $(abspath $(O))

# Kernels to build for: every release with headers, or those that KERNELS
# names; "6.12" stands for any 6.12 release, "new" for the newest that Debian's
# archive serves, which is fetched into the cache, as are another machine's.
installed := $(sort $(patsubst /lib/modules/%/build,%,$(wildcard /lib/modules/*/build)))
ifneq ($(ARCH),)
kernels := $(foreach k,$(or $(KERNELS),6.12),$(shell ARCH=$(ARCH) selftests/vm/kernel list $(k)))
else ifdef KERNELS
kernels := $(foreach k,$(KERNELS),$(filter $(k) $(k).% $(k)-%,$(installed)))
kernels += $(if $(filter new,$(KERNELS)),$(shell selftests/vm/kernel list new))
kernels := $(strip $(kernels))
else
kernels := $(installed)
endif
modules := $(kernels:%=$(o)/%/hugearena.ko)

KSFT := $(shell selftests/vm/ksft dir)
run := O=$(o) selftests/vm/run

export ACCEL APPEND BACKEND BENCH KERNEL KEYS MEM NATIVE SCALE SECONDS TESTS VM
MAKEFLAGS += --no-print-directory

# Targets without the module, which need no kernel headers.
without_module := $(filter thp,$(BACKEND))$(filter 0,$(VM))

# One sentence that names the fix, before anything fails for a lesser reason.
ifeq ($(filter help clean docs,$(MAKECMDGOALS)),)
ifeq ($(shell command -v $(CC)),)
$(error no C compiler: 'sh tools/up $(or $(firstword $(MAKECMDGOALS)),all)' installs what is needed)
endif
ifeq ($(kernels)$(without_module)$(filter lib tools dist deb check-dist \
	install-lib install-tools install-doc install-device install-dkms,$(MAKECMDGOALS)),)
$(error no kernel headers$(if $(KERNELS), of $(KERNELS)): 'apt-get install linux-headers-amd64' installs some)
endif
endif

all: kmod lib tools selftests

## kmod: the module, for every kernel with headers
kmod: $(modules)

# The sources are mirrored by links, so that each kernel has objects of its own
# and nothing is written below kmod/.
kmod_files := $(wildcard kmod/*.[ch] kmod/Kbuild)
.SECONDEXPANSION:
kdir = $(or $(wildcard /lib/modules/$(1)/build),\
	    $(shell ARCH=$(ARCH) selftests/vm/kernel build $(1)))
$(o)/%/hugearena.ko: $(kmod_files) $(wildcard kmod/uapi/*.h) \
		     $$(call kdir,$$*)/Module.symvers
	@mkdir -p $(@D)
	@find $(@D) -maxdepth 1 -type l -delete
	@ln -sr $(kmod_files) kmod/uapi $(@D)/
	+@$(kbuild) -s modules
	@touch $@
	@echo "  KMOD    $@"

# Our O= must not reach kbuild, which has one, too.  Debian's headers have no vmlinux to
# take BTF from, which is no news.
kbuild = MAKEFLAGS="$(filter-out O=%,$(MAKEFLAGS))" $(MAKE) \
	-C $(call kdir,$*) M=$(@D) CONFIG_DEBUG_INFO_BTF_MODULES=

## lib: libshim, shared and static
lib:
	@$(MAKE) -s -C libshim O=$(o)

## tools: the hugearena command, shimcc
tools: lib
	@$(MAKE) -s -C tools O=$(o)

## selftests: programs for the VM and for the host
selftests: lib tools $(KSFT)/lib.mk
	@$(MAKE) -s -C selftests O=$(o) KSFT=$(KSFT)

$(KSFT)/lib.mk:
	@selftests/vm/ksft fetch

## check: everything below, and the sum of it in the last line
check:
	@selftests/check $(MAKE) $(o)

## check-unit: a program per libshim layer, on the host
check-unit: selftests
	@selftests/vm/unit $(o) $(KSFT)
	@[ "$(UNIT)" ] || selftests/skipped $(o) unit

## check-examples: those in Documentation/examples, built and run
check-examples: lib tools
	@selftests/examples $(o)

## check-shimcc: shimcc's verdicts, on the host
check-shimcc: lib tools
	@selftests/escape/run $(o)

## check-escape: programs of Debian's, built with shimcc --shim-promote (APPS=...)
check-escape: tools
	@selftests/escape/apps $(o) $(APPS)

## check-portable: libshim by clang, LTO, on musl, older glibc, arm64, on the host
check-portable: lib
	@mkdir -p $(o)
	@selftests/portable/run $(o)

## check-dist: Debian's packages installed, used, upgraded, purged (root)
check-dist:
	@mkdir -p $(o)
	@selftests/dist/run $(o) $(VERSION)

## check-layers: no layer knows what is above it, and no mutant's patch rots
check-layers: lib kmod tools
	@selftests/layers $(o)
	@selftests/mutants/apply $(o)

## check-style: sparse and checkpatch --strict
check-style: kmod $(KSFT)/lib.mk
	@mkdir -p $(o)/check
	@selftests/style $(o) $$(selftests/vm/ksft checkpatch) $(kernels)

## check-vm: the selftests, in a VM per kernel (NATIVE=1: on this kernel)
check-vm: kmod selftests
	@selftests/vm/check $(o) $(kernels)

## check-debug: the selftests on a kernel of ours with every checker
check-debug: selftests
	@selftests/debug/check $(o)

## soak: attack it for hours (SCALE=1), figures in build/soak.tsv
soak: kmod selftests
	@selftests/debug/soak $(o)

## check-apps: programs of Debian with libshim preloaded, as without (APPS=...)
check-apps: lib
	@selftests/apps/run $(o) $(APPS)

## fuzz: libFuzzer on each layer of libshim (SECONDS=60 each)
fuzz: lib
	@$(MAKE) -C selftests/fuzz O=$(o) check

## check-mutants: does a test notice every bug that selftests/mutants plants?
check-mutants: kmod selftests
	@selftests/mutants/run $(o)

## vm-shell: a shell in the VM, module loaded, over this machine's files
vm-shell: kmod lib
	@selftests/vm/shell $(o)

## demo: redis on the module's blocks, start to end
demo: lib $(if $(without_module),,kmod)
	@tools/demo $(o)

## bench bench-box bench-pair bench-return bench-tlb: compare allocators on this machine
## bench-box-http: the example server under wrk, with libshim-box and by hand
## bench-services: redis, PostgreSQL, MariaDB, nginx, memcached, Node under load (SERVICES= ROUNDS=6)
## bench-gc: compare collectors, ours, libgc's and Go's (ROUNDS=3)
bench bench-box bench-box-http bench-gc bench-pair bench-return bench-services bench-tlb: lib
	@$(MAKE) -C tools/bench O=$(o) $@

## bench-return-vm: what stays resident after free() on the module's blocks
## bench-peak-vm: peak memory of the rows on the module's blocks and with the peers
## bench-vm: instructions of module and allocators, in a VM per kernel
bench-vm bench-peak-vm bench-return-vm: lib kmod
	@$(MAKE) -C tools/bench O=$(o) KERNELS='$(kernels)' $@

## bench-co: a million coroutines of libshim-co, Boost, Go, ucontext
## bench-co-http: the example server under wrk, and one of epoll and callbacks
## bench-co-idle: memory of 100,000 connections that have nothing to say (IDLE=)
bench-co bench-co-http bench-co-idle: lib
	@$(MAKE) -C tools/bench/co O=$(o) $@

## bench-escape: allocations and instructions that shimcc takes away (callgrind)
bench-escape: lib tools
	@tools/bench/escape/run $(o)

## overhead: what a service pays for being watched (redis-server, paired)
overhead: lib tools
	@tools/overhead $(o)

## docs: Documentation/ as HTML, in build/docs
docs:
	@command -v sphinx-build >/dev/null || { \
		echo "no sphinx-build: 'apt-get install python3-sphinx' installs it" >&2; \
		exit 1; }
	@sphinx-build -q -W -b html -d $(o)/docs/.doctrees Documentation $(o)/docs
	@echo "  DOCS    $(o)/docs/index.html"

include tools/dist/install.mk

clean:
	rm -rf $(o)

help:
	@sed -n 's/^## \(.*\)/  \1/p' Makefile tools/dist/install.mk
	@echo "  clean: remove $(O)/"

.PHONY: all kmod lib tools selftests check check-dist check-shimcc check-escape check-portable check-unit check-layers check-examples \
	check-style check-vm check-mutants check-debug soak check-apps \
	fuzz vm-shell demo bench bench-box bench-box-http bench-gc bench-pair bench-return bench-services bench-tlb \
	bench-vm bench-peak-vm bench-return-vm bench-co bench-co-http bench-co-idle bench-escape overhead docs clean help
.DELETE_ON_ERROR:
