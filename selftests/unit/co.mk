# SPDX-License-Identifier: GPL-2.0-only
# Of the coroutines, what no program sees.

override CFLAGS += -I$(LIBSHIM)/include

# where the compiler finds liburcu's headers, as for pagemap_readers
ifneq ($(shell echo '\#include <urcu/wfcqueue.h>' | $(CC) -E - 2>/dev/null),)
PROGRAMS += run_timer
run_timer := run_timer
endif
