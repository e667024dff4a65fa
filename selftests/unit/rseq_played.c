// SPDX-License-Identifier: GPL-2.0-only
/*
 * rseq_played: the tests of rseq.c, on no kernel that knows sequences.
 *
 * The handler plays the kernel's part with an area of the test's own: the two
 * CPUs are a number in it, and what becomes of a sequence that is interrupted is
 * in rseq_area.h.  So another processor's sequences are tested under an emulator
 * of single programs, too (selftests/portable).  It shows what the sequences do,
 * and not what a kernel does: that is shown by rseq.
 */
#define RSEQ_PLAYED	1
#include "rseq.c"
