/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tags.hh: what a function does with what it is given, as far as its callers care.
 *
 * Tags are found by analysing the function, or read from a summary: a text file
 * with a line a function,
 *
 *	NAME ITEM...
 *
 * where parameters count from 1, r is the result and ! the world:
 *
 *	2	parameter 2 does not leak
 *	2>r	its pointer may be the result; 2>=r: at the same byte
 *	*2>r	what can be reached from it may be the result
 *	2>!	its pointer leaks; *2>! what can be reached from it leaks
 *	2>1	its pointer may be stored in what parameter 1 points to; *2>1 what
 *		can be reached from it; 2>*1, *2>*1 in what can be reached there
 *	2>new	its pointer may be stored in the new object that is the result
 *	2~free	what it points to is freed, whatever happens
 *	2?free	what it points to, or can be reached from there, may be freed
 *	2@	its address is looked at: compared, printed, hashed; *2@: those that
 *		can be reached from it
 *	...	further arguments do not leak; ...@ but their addresses are looked at
 *	!>1	pointers of the world may be stored in what parameter 1 points to;
 *		!>*1 in what can be reached there
 *	!>new	or in the new object
 *	new>new	the new object leads to others that are as new
 *	r=new	the result is a new object; r=new(1), r=new(1*2): of so many bytes
 *	r=0	the result is no pointer
 *	~reset	the memory of a region may be taken back
 *	r=any	the result may be any pointer of the world
 *
 * A parameter that no item names leaks, unless it is an integer.  A result that no
 * item names may be any pointer of the world.  Lines that begin with # are comments.
 *
 * Knows nothing of gcc.
 */
#ifndef ESCAPE_TAGS_HH
#define ESCAPE_TAGS_HH

#include <unordered_map>
#include <string>
#include <vector>

namespace escape {

/* of a parameter or what can be reached from it: [0] and [1] below */
enum level { POINTER, REACHED };

struct param_tags {
	bool known;		/* else it leaks */
	bool leaks[2];
	bool result[2];
	bool same_byte;		/* result[POINTER]: not moved */
	bool in_new[2];
	/* bit i: of parameter i + 1, where it points, and what is reached */
	unsigned long in_param[2], in_reached[2];
	bool frees;
	bool may_free;
	bool observed[2];

	param_tags();
	bool operator==(const param_tags &o) const;
	/* leaks, in any way that a caller cannot see through */
	bool leak() const { return !known || leaks[POINTER]; }
};

struct tags {
	std::vector<param_tags> params;
	bool variadic_known, variadic_observed;
	unsigned long world_in_param, world_in_reached;
	bool world_in_new;
	bool new_in_new;
	bool is_new;		/* the result is a new object */
	int size[2];		/* of which arguments tell the size, or 0 */
	bool no_pointer;	/* the result */
	bool any;		/* the result */
	bool from_file;		/* not of a body: integers do not leak */
	bool resets;		/* a region, or calls what nothing is known of */

	tags();
	bool operator==(const tags &o) const;
	/* of argument nr, counted from 0, variadic ones included */
	param_tags of(unsigned int nr) const;
};

/* as a line of a summary, without the name */
std::string tags_print(const tags &t);

typedef std::unordered_map<std::string, tags> summary;

/*
 * Add a summary file to a summary; what the file says replaces what was known.
 * Returns an empty string, or what is wrong, with file and line.
 */
std::string summary_read(const char *path, summary *s);

} /* namespace escape */

#endif /* ESCAPE_TAGS_HH */
