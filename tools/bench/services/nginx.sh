# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034,SC2154 # run.sh reads and sets these
#
# A web server with one worker: a page, packed for each request.

nginx_there()
{
	command -v nginx >/dev/null && command -v wrk >/dev/null
}

nginx_prepare()
{
	nginx_port=18473
	seq 3000 >"$work/page.html"
	cat >"$work/nginx.conf" <<END
daemon off;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/log;
events { worker_connections 512; }
http {
	access_log off;
	gzip on;
	gzip_min_length 1;
	client_body_temp_path $work/nginx.body;
	proxy_temp_path $work/nginx.proxy;
	fastcgi_temp_path $work/nginx.fastcgi;
	uwsgi_temp_path $work/nginx.uwsgi;
	scgi_temp_path $work/nginx.scgi;
	server {
		listen 127.0.0.1:$nginx_port;
		root $work;
	}
}
END
}

nginx_load()
{
	wrk -t1 -c64 -d5s -H 'Accept-Encoding: gzip' \
		"http://127.0.0.1:$nginx_port/page.html" >"$work/wrk" || return 1
	requests=$(awk '/requests in/ { print $1 }' "$work/wrk")
	[ "${requests:-0}" -gt 0 ]
}

nginx_answers()
{
	wrk -t1 -c1 -d1s "http://127.0.0.1:$nginx_port/page.html" | grep -q 'requests in'
}

nginx_start()
{
	LD_PRELOAD=$1 nginx -c "$work/nginx.conf" >>"$work/log" 2>&1 &
	pid=$!
	started [ -s "$work/nginx.pid" ] && nginx_answers
}
