/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gcc.hh: gcc's headers, in the order that they want.  The C++ library's come
 * first, since gcc's poison malloc() and more.
 */
#ifndef ESCAPE_GCC_HH
#define ESCAPE_GCC_HH

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "gcc-plugin.h"
#include "plugin-version.h"

#include "tree.h"
#include "gimple.h"
#include "tree-pass.h"
#include "context.h"
#include "basic-block.h"
#include "cfganal.h"
#include "except.h"
#include "gimple-ssa.h"
#include "ssa.h"
#include "tree-phinodes.h"
#include "stringpool.h"
#include "attribs.h"
#include "tree-ssanames.h"
#include "gimple-iterator.h"
#include "ssa-iterators.h"
#include "cfgloop.h"
#include "cgraph.h"
#include "builtins.h"
#include "fold-const.h"
#include "tree-dfa.h"
#include "tree-cfg.h"
#include "tree-into-ssa.h"
#include "tree-ssa.h"
#include "gimplify.h"
#include "gimple-fold.h"
#include "tree-ssa-alias.h"
#include "diagnostic-core.h"
#include "dominance.h"
#include "langhooks.h"
#include "opts.h"
#include "internal-fn.h"
#include "print-tree.h"
#include "tree-pretty-print.h"

#endif /* ESCAPE_GCC_HH */
