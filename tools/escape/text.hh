/* SPDX-License-Identifier: GPL-2.0-or-later */
/* text.hh: statements and expressions as somebody would write them. */
#ifndef ESCAPE_TEXT_HH
#define ESCAPE_TEXT_HH

#include "gcc.hh"

namespace escape {

struct place_in_source {
	std::string file;
	unsigned int line, column;

	place_in_source() : line(0), column(0) {}
	/* FILE:LINE */
	std::string text() const;
	bool operator<(const place_in_source &o) const;
};

/* Where somebody wrote it: of a macro, where it is used. */
place_in_source where(location_t l);
place_in_source where(const gimple *stmt);

/* p->next, a[i].name, *p; temporaries are ... */
std::string text_of(tree t);
/* f() or an indirect call */
std::string text_of_callee(const gcall *c);

} /* namespace escape */

#endif /* ESCAPE_TEXT_HH */
