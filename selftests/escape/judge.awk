# SPDX-License-Identifier: GPL-2.0-only
#
# The verdicts of a report (first file) against those that a case of the table
# expects (second file; see table/table.h).  Prints TAP without a plan, and at the
# end "# N right, N finer, N coarser".

# what a line of the report says of parameter or object
function verdict(text)
{
	if (text ~ /^parameter/) {
		if (text ~ /\(\) leaks: /)
			return "leaks"
		# not the names of functions and variables
		sub(/^[^(]*\(\)/, "", text)
		if (text ~ /leads to leaks/)
			return "content"
		if (text ~ /result/ && text !~ /stored/)
			return "result"
		if (text ~ /stored/)
			return "stored"
		return "keeps"
	}
	return text ~ / does not escape/ ? "stays" : text ~ / escapes: / ? "heap" : ""
}

FNR == NR {
	split($0, at, ":")
	text = $0
	sub(/^[^ ]* /, "", text)
	if (text ~ /^parameter/) {
		split(text, word, " ")
		said[at[2], word[2]] = verdict(text)
	} else if (verdict(text) != "") {
		# a constructor is judged at its call as well: the last call of
		# malloc() and the like decides
		said[at[2], ""] = verdict(text)
	}
	next
}

match($0, /\/\*: [^*]*\*\//) {
	marks = substr($0, RSTART + 4, RLENGTH - 7)
	delete go
	delete here
	n = split(marks, item, ", ")
	which = 0
	for (i = 1; i <= n; i++) {
		m = item[i]
		if (sub(/^here /, "", m))
			which = 1
		sub(/ *$/, "", m)
		if (split(m, word, " ") == 2) {
			name = word[1]
			v = word[2]
		} else {
			name = ""
			v = word[1]
		}
		if (which)
			here[name] = v
		else
			go[name] = v
	}
	for (name in go) {
		want = (name in here) ? here[name] : go[name]
		got = said[FNR, name]
		what = FILENAME ":" FNR (name == "" ? "" : " " name)
		sub(/.*\//, "", what)
		nr++
		if (got != want) {
			printf "not ok - %s: %s instead of %s\n", what, \
				(got == "" ? "nothing" : got), want
			continue
		}
		printf "ok - %s: %s\n", what, got
		if (got == go[name] || (got == "stored" && go[name] == "leaks"))
			right++
		else if (rank(got) < rank(go[name]))
			finer++
		else
			coarser++
	}
}

# how much is let go of: a higher one is the more careful verdict
function rank(v)
{
	return index("keeps stays result stored content heap leaks", v)
}

END {
	printf "# %d right, %d finer, %d coarser\n", right, finer, coarser
}
