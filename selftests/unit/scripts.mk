# SPDX-License-Identifier: GPL-2.0-only
# What interpreters run: needs the command and libshim, which are built before.

.DEFAULT_GOAL := all
PROGRAMS += scripts
scripts :=
$(OUTPUT)/scripts: CFLAGS += -DSOURCE='"$(abspath ../..)"'
heap_subjects := $(OUTPUT)/obj/heap_subject $(OUTPUT)/obj/heap_subject.static \
		 $(OUTPUT)/obj/heap_subject.static-pie
$(OUTPUT)/scripts: | $(heap_subjects)

# on the system's malloc(), until libshim is preloaded
$(OUTPUT)/obj/heap_subject: heap_subject.c
	@mkdir -p $(@D)
	$(CC) -O1 -g -fno-builtin -o $@ $<

# with it linked in: at a fixed address, and at one that differs
$(OUTPUT)/obj/heap_subject.%: heap_subject.c $(O)/libshim.a
	@mkdir -p $(@D)
	$(CC) -O1 -g -fno-builtin -$* -o $@ $^ -pthread
