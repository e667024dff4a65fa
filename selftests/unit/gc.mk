# SPDX-License-Identifier: GPL-2.0-only
# The collector's arithmetic, its pages and its queues.

override CFLAGS += -I$(LIBSHIM)/include

PROGRAMS += pacer
pacer := pacer limiter lock error sizeclass

PROGRAMS += gcpages
gcpages := gcpages fake_gcarena lock

# where the compiler finds liburcu's headers, as for pagemap_readers
ifneq ($(shell echo '\#include <urcu/lfstack.h>' | $(CC) -E - 2>/dev/null),)
PROGRAMS += mark_queue
mark_queue := mark_queue lock
PROGRAMS += mark
mark := mark mark_queue gcspan gcmeta gcpages fake_gcarena fake_dirty lock
endif

PROGRAMS += gcspan
gcspan := gcspan gcmeta gcpages fake_gcarena fake_dirty lock
