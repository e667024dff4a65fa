# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034,SC2154 # run.sh reads and sets these
#
# A server in JavaScript: parses, packs and answers; its own heap is V8's, what
# it has from malloc() are buffers and zlib's state.

node_there()
{
	command -v node >/dev/null && command -v wrk >/dev/null
}

node_prepare()
{
	node_port=18475
	cat >"$work/server.js" <<END
const zlib = require('zlib');
const rows = [];
for (let i = 0; i < 300; i++)
	rows.push({ id: i, name: 'row ' + i, tags: ['a', 'b', String(i % 7)] });
const text = JSON.stringify(rows);
require('http').createServer((request, response) => {
	const copy = JSON.parse(text).filter((row) => row.id % 3);
	response.end(zlib.gzipSync(Buffer.from(JSON.stringify(copy))));
}).listen($node_port, '127.0.0.1');
END
}

node_load()
{
	wrk -t1 -c16 -d5s "http://127.0.0.1:$node_port/" >"$work/wrk" || return 1
	requests=$(awk '/requests in/ { print $1 }' "$work/wrk")
	[ "${requests:-0}" -gt 0 ]
}

node_answers()
{
	wrk -t1 -c1 -d1s "http://127.0.0.1:$node_port/" | grep -q 'requests in'
}

node_start()
{
	LD_PRELOAD=$1 node "$work/server.js" >>"$work/log" 2>&1 &
	pid=$!
	started node_answers
}
