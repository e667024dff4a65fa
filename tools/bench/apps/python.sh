#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Dictionaries, lists, strings and JSON in python3, every object by malloc().
case $1 in
program)
	command -v python3 || exit 77
	;;
prepare)
	cat >"$DATA/app.py" <<'PY'
import json
words = ['w%d' % (i * 7919 % 5003) for i in range(240000)]
count = {}
for w in words:
    count.setdefault(w, []).append(len(w))
text = json.dumps([{'k': k, 'v': v} for k, v in sorted(count.items())])
again = json.loads(text)
tree = None
for i in range(240000):
    tree = (i, tree if i % 1000 else None, str(i))
lines = '\n'.join('%d,%d,%s' % (i, i * i, 'x' * (i % 40)) for i in range(160000))
rows = [l.split(',') for l in lines.split('\n')]
print(len(text), len(again), tree[0], sum(len(r[2]) for r in rows))
print(sorted(count, key=lambda k: (len(count[k]), k))[:10])
PY
	;;
run)
	# shellcheck disable=SC2086 # $ALLOC is a command with arguments
	PYTHONMALLOC=malloc PYTHONHASHSEED=0 exec $ALLOC python3 \
		-I -S "$DATA/app.py"
	;;
esac
