# SPDX-License-Identifier: GPL-2.0-only
# Sourced by run: the reports of two units become one, sorted by a profile, and
# SARIF has what its schema requires.

cat >"$t/shared.h" <<'END'
#include <stdlib.h>
static inline int *make(void) { return malloc(4); }
END
cat >"$t/one.c" <<'END'
#include "shared.h"
int *one(void) { return make(); }
int hot(int x) { int *p = malloc(40), r; *p = x; r = *p; free(p); return r; }
END
cat >"$t/two.c" <<'END'
#include "shared.h"
int *two(void) { return make(); }
int cold(int x) { int *p = malloc(8), r; *p = x; r = *p; free(p); return r; }
END
for f in one two; do
	"$o/shimcc" --shim-json="$t/$f.json" -O2 -c -o "$t/$f.o" "$t/$f.c" \
		>"$t/out" 2>&1
	verdict $? "$f.json is written"
done

report() { "$o/shimcc-report" "$@" >"$t/out" 2>&1; }

report "$t/one.json" "$t/two.json" && [ "$(grep -c 'shared.h' "$t/out")" = 1 ] &&
	grep -q '^5 objects, 2 do not escape$' "$t/out"
verdict $? 'what two units have is there once'
report -s "$t/one.json" "$t/two.json" && [ "$(wc -l <"$t/out")" = 3 ]
verdict $? 'only what stays'
report -f json "$t/one.json" "$t/two.json" && grep 'shared.h' "$t/out" |
	grep -q '"units":2'
verdict $? 'how many units have it'

cat >"$t/profile.json" <<'END'
{ "pid": 1, "bytes": 5000000, "stacks": [
  { "bytes": 4000000, "objects": 1, "stack": [ "malloc", "hot+0x12 (a)", "main" ] },
  { "bytes": 1000000, "objects": 1, "stack": [ "cold", "hot", "main" ] } ] }
END
report -p "$t/profile.json" "$t/two.json" "$t/one.json" &&
	sed -n 1p "$t/out" | grep -q '^ *4000000 .*one.c:3:' &&
	sed -n 2p "$t/out" | grep -q '^ *1000000 .*two.c:3:'
verdict $? 'sorted by a heap profile'
report -p "$t/profile.json" -s -n 1 "$t/two.json" "$t/one.json" &&
	grep -q '^1 objects, 1 do not escape' "$t/out"
verdict $? 'only the first'

# what the schema of SARIF 2.1.0 requires, and the types of what is there
cat >"$t/sarif.py" <<'END'
import json, sys
log = json.load(open(sys.argv[1]))
assert log["version"] == "2.1.0" and isinstance(log["runs"], list) and log["runs"]
seen = 0
for run in log["runs"]:
    driver = run["tool"]["driver"]
    assert isinstance(driver["name"], str)
    ids = [r["id"] for r in driver["rules"]]
    assert len(ids) == len(set(ids))
    def place(l):
        p = l["physicalLocation"]
        uri = p["artifactLocation"]["uri"]
        assert isinstance(uri, str) and " " not in uri
        r = p.get("region")
        if r:
            assert r["startLine"] >= 1 and r.get("startColumn", 1) >= 1
    for r in run["results"]:
        seen += 1
        assert isinstance(r["message"]["text"], str) and r["message"]["text"]
        assert r["ruleId"] in ids, r["ruleId"]
        assert r["level"] in ("none", "note", "warning", "error")
        for l in r["locations"]:
            place(l)
        for flow in r.get("codeFlows", []):
            assert flow["threadFlows"]
            for t in flow["threadFlows"]:
                assert t["locations"]
                for l in t["locations"]:
                    place(l["location"])
                    assert isinstance(l["location"]["message"]["text"], str)
assert seen == int(sys.argv[2]), seen
END
if command -v python3 >/dev/null; then
	cp "$t/one.c" "$t/a \"file\".c"
	"$o/shimcc" --shim-json="$t/all.json" -O2 -c -o "$t/one.o" "$t/a \"file\".c"
	python3 -c 'import json, sys
for line in open(sys.argv[1]):
    assert json.loads(line)["file"].endswith(("\"file\".c", "/shared.h"))' \
		"$t/all.json" >"$t/out" 2>&1
	verdict $? 'each line is JSON, quotes and all'
	"$o/shimcc" --shim-json="$t/all.json" -O0 -c -o "$t/one.o" "$t/two.c"
	"$o/shimcc" --shim-json="$t/all.json" -w -O1 -c -o "$t/one.o" \
		-Ilibshim/include "$here/own/own.c"
	nr=$("$o/shimcc-report" -f json "$t/all.json" | grep -c .)
	"$o/shimcc-report" -f sarif "$t/all.json" >"$t/all.sarif" &&
		python3 "$t/sarif.py" "$t/all.sarif" "$nr" >"$t/out" 2>&1
	verdict $? 'SARIF has what its schema requires'
else
	skipped=$((skipped + 1))
	echo "SKIP shimcc SARIF: no python3"
fi

echo 'not json' >"$t/bad.json"
sentence 'a file that is none of ours' 'bad.json:1: ' 1 \
	"$o/shimcc-report" "$t/bad.json"
echo '{ "a": 1 }' >"$t/bad.json"
sentence 'JSON that is none of ours' 'bad.json:1: not a line of shimcc' 1 \
	"$o/shimcc-report" "$t/bad.json"
sentence 'a profile that is none' 'bad.json: not a profile' 1 \
	"$o/shimcc-report" -p "$t/bad.json" "$t/one.json"
sentence 'a report that is not there' 'none.json: No such file' 1 \
	"$o/shimcc-report" "$t/none.json"
