// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * report.cc: see report.hh.  A line of JSON is written by hand: it is an object of
 * strings and numbers, and the compiler need not load a library for it.
 */
#include "report.hh"

#include <algorithm>

#include <fcntl.h>

namespace escape {

finding::finding() :
	kind(OBJECT), place(UNKNOWN_LOCATION), escapes(false), size(-1), promoted(false)
{
}

std::string finding::text() const
{
	std::string all = reason;

	if (!stays.empty() && region.empty())
		all += "; " + stays;
	switch (kind) {
	case OBJECT:
		return (escapes ? what + " escapes: " + all :
			what + " does not escape (" + all + ")") +
			(promoted ? " [moved to the stack]" : "") +
			(region.empty() ? "" :
			 " [moved to the region " + region + "]");
	case PARAMETER:
		if (escapes)
			return what + " leaks: " + reason;
		return what + " does not leak" +
			(reason.empty() ? "" : " (" + reason + ")");
	case VARIABLE:
		return what + " does not live as long as its address: " +
			reason;
	case OWNERSHIP:
		return what + (reason.empty() ? "" : ": " + reason);
	default:
		return what;
	}
}

std::string append(const char *path, const std::string &text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	size_t done = 0;
	ssize_t n = 0;

	if (fd >= 0) {
		while (done < text.size()) {
			n = write(fd, text.data() + done, text.size() - done);
			if (n < 0)
				break;
			done += n;
		}
		if (close(fd) == 0 && n >= 0)
			return "";
	}
	return std::string(path) + ": " + xstrerror(errno);
}

/* A string as JSON has it. */
static std::string quoted(const std::string &s)
{
	std::string q = "\"";

	for (unsigned char c : s) {
		char b[8];

		if (c == '"' || c == '\\') {
			q += '\\';
			q += c;
		} else if (c < ' ') {
			snprintf(b, sizeof(b), "\\u%04x", c);
			q += b;
		} else {
			q += c;
		}
	}
	return q + '"';
}

static void put_place(std::ostringstream &s, const place_in_source &p)
{
	s << "\"file\":" << quoted(p.file) << ",\"line\":" << p.line <<
		",\"column\":" << p.column;
}

static std::string json_of(const finding &f)
{
	static const char * const kinds[] = {
		"object", "parameter", "variable", "ownership", "note"
	};
	std::ostringstream s;

	s << '{';
	put_place(s, f.at);
	s << ",\"kind\":\"" << kinds[f.kind] << "\",\"rule\":" <<
		quoted(f.rule) << ",\"function\":" << quoted(f.function) <<
		",\"what\":" << quoted(f.what) << ",\"escapes\":" <<
		(f.escapes ? "true" : "false") << ",\"reason\":" <<
		quoted(f.stays.empty() ? f.reason : f.reason + "; " + f.stays) << ",\"text\":" << quoted(f.text());
	if (f.size >= 0)
		s << ",\"size\":" << f.size;
	if (f.promoted)
		s << ",\"promoted\":true";
	if (!f.region.empty())
		s << ",\"region\":" << quoted(f.region);
	s << ",\"path\":[";
	for (size_t i = 0; i < f.path.size(); i++) {
		s << (i ? "," : "") << '{';
		put_place(s, f.path[i].at);
		s << ",\"text\":" << quoted(f.path[i].text) << '}';
	}
	s << "]}\n";
	return s.str();
}

std::string report_write(std::vector<finding> *all, const report_options &o)
{
	std::ostringstream text;
	std::string json, error;

	std::stable_sort(all->begin(), all->end());
	for (const finding &f : *all) {
		if (o.json)
			json += json_of(f);
		if (!o.verbose)
			continue;
		text << f.at.file << ':' << f.at.line << ':' << f.at.column <<
			": " << f.text() << '\n';
		if (o.verbose < 2 && f.kind != finding::OWNERSHIP)
			continue;
		for (const step &s : f.path)
			text << "    " << s.at.text() << ": " << s.text <<
				'\n';
	}
	if (o.json)
		error = append(o.json, json);
	if (!error.empty())
		return error;
	if (o.out)
		return append(o.out, text.str());
	fputs(text.str().c_str(), stderr);
	return "";
}

} /* namespace escape */
