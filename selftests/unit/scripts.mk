# SPDX-License-Identifier: GPL-2.0-only
# What interpreters run: needs the command and libshim, which are built before.

.DEFAULT_GOAL := all
PROGRAMS += scripts
scripts :=
$(OUTPUT)/scripts: CFLAGS += -DSOURCE='"$(abspath ../..)"'
$(OUTPUT)/scripts: | $(OUTPUT)/obj/heap_subject

# on the system's malloc(), until libshim is preloaded
$(OUTPUT)/obj/heap_subject: heap_subject.c
	@mkdir -p $(@D)
	$(CC) -O1 -g -fno-builtin -o $@ $<
