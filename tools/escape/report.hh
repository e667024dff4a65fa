/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.hh: what was found in a unit, for people and for programs. */
#ifndef ESCAPE_REPORT_HH
#define ESCAPE_REPORT_HH

#include "body.hh"
#include "text.hh"

namespace escape {

/* An edge of the graph that led to a verdict. */
struct step {
	place_in_source at;
	std::string text;
};

struct finding {
	enum { OBJECT, PARAMETER, VARIABLE, OWNERSHIP, NOTE } kind;
	place_in_source at;
	location_t place;	/* of OWNERSHIP, for gcc's own messages */
	std::string function;
	std::string what;	/* malloc(48), parameter p */
	std::string rule;	/* what a program sorts it by */
	bool escapes;
	std::string reason;
	std::string stays;	/* on the heap, because of this; or empty */
	long size;		/* bytes, or -1 */
	bool promoted;
	std::string region;	/* that it was moved to, or empty */
	std::vector<step> path;	/* the cause first */

	finding();
	bool operator<(const finding &o) const { return at < o.at; }
	/* WHAT does not escape (REASON) */
	std::string text() const;
};

/* the bytes of an object, or -1 */
long site_size(const site &s);
/* malloc(48) */
std::string site_text(const site &s);

/* What becomes of an object. */
finding judge_site(const body &b, const site &s);
/* Of a parameter; false if there is nothing to say. */
bool judge_param(const body &b, unsigned int nr, const tags *t, finding *f);
/* Of a variable whose address outlives it; false if it does not. */
bool judge_local(const body &b, const local &l, finding *f);

struct report_options {
	int verbose;		/* 0: no text, 1: verdicts, 2: paths as well */
	const char *out;	/* a file that text is appended to; NULL: stderr */
	const char *json;	/* a file that a line each is appended to */
};

/* Sort and write them; an empty string, or what went wrong. */
std::string report_write(std::vector<finding> *all, const report_options &o);

/* Append to a file at once, so that compilers side by side do not mix. */
std::string append(const char *path, const std::string &text);

} /* namespace escape */

#endif /* ESCAPE_REPORT_HH */
