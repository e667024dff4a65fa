// SPDX-License-Identifier: GPL-2.0-or-later
/* tags.cc: see tags.hh. */
#include "tags.hh"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sstream>

namespace escape {

/* bits in in_param */
static const unsigned int max_params = 8 * sizeof(unsigned long);

param_tags::param_tags() :
	known(false), same_byte(false), frees(false), may_free(false),
	observed{false, false}
{
	for (int l = POINTER; l <= REACHED; l++) {
		leaks[l] = result[l] = in_new[l] = false;
		in_param[l] = 0;
		in_reached[l] = 0;
	}
}

bool param_tags::operator==(const param_tags &o) const
{
	for (int l = POINTER; l <= REACHED; l++)
		if (leaks[l] != o.leaks[l] || result[l] != o.result[l] ||
		    in_new[l] != o.in_new[l] ||
		    in_param[l] != o.in_param[l] ||
		    in_reached[l] != o.in_reached[l])
			return false;
	return known == o.known && same_byte == o.same_byte &&
		frees == o.frees && may_free == o.may_free &&
		observed[POINTER] == o.observed[POINTER] &&
		observed[REACHED] == o.observed[REACHED];
}

tags::tags() :
	variadic_known(false), variadic_observed(false), world_in_param(0),
	world_in_reached(0), world_in_new(false), new_in_new(false),
	is_new(false), no_pointer(false), any(false), from_file(false),
	resets(false)
{
	size[0] = size[1] = 0;
}

bool tags::operator==(const tags &o) const
{
	return params == o.params && variadic_known == o.variadic_known &&
		variadic_observed == o.variadic_observed &&
		world_in_param == o.world_in_param &&
		world_in_reached == o.world_in_reached &&
		world_in_new == o.world_in_new &&
		new_in_new == o.new_in_new && is_new == o.is_new &&
		resets == o.resets &&
		size[0] == o.size[0] && size[1] == o.size[1] &&
		no_pointer == o.no_pointer && any == o.any;
}

param_tags tags::of(unsigned int nr) const
{
	param_tags p;

	if (nr < params.size())
		return params[nr];
	p.known = variadic_known;
	p.observed[POINTER] = variadic_observed;
	return p;
}

std::string tags_print(const tags &t)
{
	std::ostringstream s;

	for (size_t i = 0; i < t.params.size(); i++) {
		const param_tags &p = t.params[i];

		if (!p.known)
			continue;
		s << ' ' << i + 1;
		for (int l = POINTER; l <= REACHED; l++) {
			std::ostringstream who;

			who << ' ' << (l == REACHED ? "*" : "") << i + 1;
			if (p.leaks[l])
				s << who.str() << ">!";
			if (p.result[l])
				s << who.str() << (l == POINTER && p.same_byte ?
						   ">=r" : ">r");
			if (p.in_new[l])
				s << who.str() << ">new";
			for (size_t j = 0; j < max_params; j++) {
				if (p.in_param[l] >> j & 1)
					s << who.str() << '>' << j + 1;
				if (p.in_reached[l] >> j & 1)
					s << who.str() << ">*" << j + 1;
			}
		}
		if (p.frees)
			s << ' ' << i + 1 << "~free";
		if (p.may_free)
			s << ' ' << i + 1 << "?free";
		if (p.observed[POINTER])
			s << ' ' << i + 1 << '@';
		if (p.observed[REACHED])
			s << " *" << i + 1 << '@';
	}
	if (t.variadic_known)
		s << (t.variadic_observed ? " ...@" : " ...");
	for (size_t j = 0; j < max_params; j++) {
		if (t.world_in_param >> j & 1)
			s << " !>" << j + 1;
		if (t.world_in_reached >> j & 1)
			s << " !>*" << j + 1;
	}
	if (t.world_in_new)
		s << " !>new";
	if (t.new_in_new)
		s << " new>new";
	if (t.is_new && t.size[0] && t.size[1])
		s << " r=new(" << t.size[0] << '*' << t.size[1] << ')';
	else if (t.is_new && t.size[0])
		s << " r=new(" << t.size[0] << ')';
	else if (t.is_new)
		s << " r=new";
	if (t.no_pointer)
		s << " r=0";
	if (t.any)
		s << " r=any";
	if (t.resets)
		s << " ~reset";
	return s.str().empty() ? std::string() : s.str().substr(1);
}

/* A number from 1 on at *s, or 0. */
static unsigned int number(const char **s)
{
	unsigned int n = 0;

	while (isdigit((unsigned char)**s) && n < 1000)
		n = n * 10 + *(*s)++ - '0';
	return n <= max_params ? n : 0;
}

static param_tags *param(tags *t, unsigned int nr)
{
	if (t->params.size() < nr)
		t->params.resize(nr);
	t->params[nr - 1].known = true;
	return &t->params[nr - 1];
}

/* "r=new(1*2)" after "r=" */
static bool parse_result(const char *s, tags *t)
{
	if (!strcmp(s, "0")) {
		t->no_pointer = true;
		return true;
	}
	if (!strcmp(s, "any")) {
		t->any = true;
		return true;
	}
	if (strncmp(s, "new", 3))
		return false;
	t->is_new = true;
	s += 3;
	if (!*s)
		return true;
	if (*s++ != '(')
		return false;
	t->size[0] = number(&s);
	if (*s == '*') {
		s++;
		t->size[1] = number(&s);
		if (!t->size[1])
			return false;
	}
	return t->size[0] && !strcmp(s, ")");
}

/* "WHO>WHERE" */
static bool parse_item(const char *s, tags *t)
{
	bool reached = *s == '*', deep;
	unsigned int nr, to;
	param_tags *p;

	if (!strcmp(s, "...") || !strcmp(s, "...@")) {
		t->variadic_known = true;
		t->variadic_observed = s[3] == '@';
		return true;
	}
	if (!strncmp(s, "r=", 2))
		return parse_result(s + 2, t);
	if (!strcmp(s, "new>new") || !strcmp(s, "~reset")) {
		(*s == '~' ? t->resets : t->new_in_new) = true;
		return true;
	}
	if (!strncmp(s, "!>", 2)) {
		s += 2;
		if (!strcmp(s, "new")) {
			t->world_in_new = true;
			return true;
		}
		deep = *s == '*';
		if (deep)
			s++;
		to = number(&s);
		if (!to || *s)
			return false;
		(deep ? t->world_in_reached : t->world_in_param) |=
			1ul << (to - 1);
		return true;
	}
	if (reached)
		s++;
	nr = number(&s);
	if (!nr)
		return false;
	p = param(t, nr);
	if (!strcmp(s, "~free") && !reached) {
		p->frees = true;
	} else if (!strcmp(s, "?free") && !reached) {
		p->may_free = true;
	} else if (!strcmp(s, "@")) {
		p->observed[reached] = true;
	} else if (!strcmp(s, ">!")) {
		p->leaks[reached] = true;
	} else if (!strcmp(s, ">r")) {
		p->result[reached] = true;
	} else if (!strcmp(s, ">=r") && !reached) {
		p->result[POINTER] = p->same_byte = true;
	} else if (!strcmp(s, ">new")) {
		p->in_new[reached] = true;
	} else if (*s == '>') {
		s++;
		deep = *s == '*';
		if (deep)
			s++;
		to = number(&s);
		if (!to || *s)
			return false;
		(deep ? p->in_reached : p->in_param)[reached] |=
			1ul << (to - 1);
	} else {
		return !*s && !reached;
	}
	return true;
}

/*
 * The next word of the line *s, ended in place, or NULL.  Every compilation reads the
 * C library's summary, and streams would take longer for it than for all else.
 */
static char *next_word(char **s)
{
	static const char blanks[] = " \t\r";
	char *word = *s + strspn(*s, blanks);

	if (!*word)
		return NULL;
	*s = word + strcspn(word, blanks);
	if (**s)
		*(*s)++ = '\0';
	return word;
}

/* All of a file; empty, or what is wrong. */
static std::string file_read(const char *path, std::string *text)
{
	FILE *f = fopen(path, "r");
	char buf[16384];
	std::string error;
	size_t n;

	if (!f)
		return std::string(path) + ": " + strerror(errno);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		text->append(buf, n);
	if (ferror(f))
		error = std::string(path) + ": " + strerror(errno);
	fclose(f);
	return error;
}

std::string summary_read(const char *path, summary *s)
{
	std::string text, error = file_read(path, &text);
	unsigned int nr = 0;
	char *next;

	if (!error.empty())
		return error;
	if (text.find('\0') != std::string::npos)
		return std::string(path) + ": a byte of it is 0";
	for (char *line = &text[0]; *line; line = next) {
		char *name, *item;
		tags t;

		nr++;
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		if (*line == '#')
			continue;
		name = next_word(&line);
		if (!name)
			continue;
		t.from_file = true;
		while ((item = next_word(&line)))
			if (!parse_item(item, &t))
				return std::string(path) + ':' +
					std::to_string(nr) + ": '" + item +
					"' is no item of a summary";
		(*s)[name] = std::move(t);
	}
	return "";
}

} /* namespace escape */
