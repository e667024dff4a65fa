#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A database in memory: inserts, an index, joins, groups, deletes.
case $1 in
program)
	command -v sqlite3 || exit 77
	;;
prepare)
	cat >"$DATA/app.sql" <<'SQL'
CREATE TABLE a(id INTEGER PRIMARY KEY, k INTEGER, t TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80000)
INSERT INTO a SELECT i, i * 7919 % 5003, printf('%0*d', 8 + i % 90, i) FROM n;
CREATE INDEX a_k ON a(k);
CREATE INDEX a_t ON a(t);
SELECT count(*), sum(length(t)) FROM a;
SELECT k, count(*), max(t) FROM a GROUP BY k ORDER BY 2 DESC, 1 LIMIT 5;
DELETE FROM a WHERE k % 3 = 0;
UPDATE a SET t = t || k WHERE k % 5 = 1;
SELECT count(*), sum(x.id) FROM a x JOIN a y ON x.k = y.k AND x.id < y.id;
SELECT length(group_concat(t)) FROM a;
SQL
	;;
run)
	# shellcheck disable=SC2086 # $ALLOC is a command with arguments
	exec $ALLOC sqlite3 -batch -init /dev/null :memory: \
		".read $DATA/app.sql"
	;;
esac
