/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leak_detector.h: the former place of gc/leak_detector.h.
 */
#include "gc/leak_detector.h"
