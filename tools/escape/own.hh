/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * own.hh: who has to release what, as shim_mark.h's marks say.
 *
 *	shim_takes	the callee owns the argument from now on
 *	shim_gives	the caller owns the result
 *	shim_borrows	the argument stays whose it was
 *	shim_strong	a field or variable that has a reference of its own
 *
 * What a function got by a call that gives, or by a parameter that it takes, is
 * followed along each path until it is given away, stored or returned.  What is
 * stored where no mark is, or passed to a function that nothing is known of, is
 * followed no further: only what is sure is reported.
 */
#ifndef ESCAPE_OWN_HH
#define ESCAPE_OWN_HH

#include "report.hh"

namespace escape {

/* Let gcc know the marks.  own_seen: one of them was used in this unit. */
void own_register();
/* Note them, before gcc's passes run. */
void own_note_params();
extern bool own_seen;

void own_check(const body &b, std::vector<finding> *all);

} /* namespace escape */

#endif /* ESCAPE_OWN_HH */
