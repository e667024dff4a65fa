/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* co_switch: the processor's. */
#if defined(__x86_64__)
#include "co_switch_x86_64.inc"
#elif defined(__aarch64__)
#include "co_switch_aarch64.inc"
#else
#error "co_switch: this processor's is missing"
#endif
