/* SPDX-License-Identifier: GPL-2.0-only */
/* A thread that reads memory of models all the time, through the kernel. */
#ifndef SELFTESTS_DEBUG_NOISE_H
#define SELFTESTS_DEBUG_NOISE_H

#include "model.h"

/* Begin to read @n models; 0, or an errno. */
int noise_start(const struct model *m, unsigned int n);

/* No model is read any more after this. */
void noise_stop(void);

#endif
