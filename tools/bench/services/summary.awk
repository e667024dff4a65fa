# SPDX-License-Identifier: GPL-2.0-only
#
# The table of 'make bench-services' from its runs, lines of
#	memory SERVICE ALLOCATOR PEAK MEAN IDLE		in KiB
#	cpu    SERVICE ALLOCATOR ROUND MS
# See run.sh for what the figures are.

function median(key, n,   i, k, t, v)
{
	for (i = 1; i <= n; i++)
		v[i] = value[key, i]
	for (i = 2; i <= n; i++)
		for (k = i; k > 1 && v[k] < v[k - 1]; k--) {
			t = v[k]; v[k] = v[k - 1]; v[k - 1] = t
		}
	return (v[int((n + 1) / 2)] + v[int((n + 2) / 2)]) / 2
}

function least(what, r)
{
	if (!((what, name[r]) in best) || figure[what, r] < best[what, name[r]])
		best[what, name[r]] = figure[what, r]
}

function ratio(what, r)
{
	if (!((what, r) in figure))
		return "-"
	return sprintf("%.2f", best[what, name[r]] ? \
		figure[what, r] / best[what, name[r]] : 1)
}

{
	row = $2 OFS $3
	if (!(row in number)) {
		number[row] = ++rows
		name[rows] = $2
		title[rows] = row
		allocators[$2]++
	}
	row = number[row]
}

$1 == "memory" {
	runs[row]++
	for (i = 4; i <= 6; i++)
		value[row, i, runs[row]] = $i
}

$1 == "cpu" {
	used[row, $4] = $5
	in_round[$2, $4]++
	sum[$2, $4] += $5
	if ($4 > last)
		last = $4
}

END {
	print "service", "allocator", "rounds", "cpu_ms", "peak_kb", "mean_kb",
	      "idle_kb", "cpu", "+-%", "peak", "mean", "idle"
	for (r = 1; r <= rows; r++) {
		if (runs[r])
			for (i = 4; i <= 6; i++) {
				figure[i, r] = median(r SUBSEP i, runs[r])
				least(i, r)
			}
		# only rounds in which all have run can be divided by their mean
		for (k = 1; k <= last; k++) {
			if (in_round[name[r], k] != allocators[name[r]] ||
			    !sum[name[r], k])
				continue
			x = used[r, k] * allocators[name[r]] / sum[name[r], k]
			n[r]++
			ms[r] += used[r, k]
			relative[r] += x
			square[r] += x * x
		}
		if (n[r]) {
			figure["cpu", r] = relative[r] / n[r]
			least("cpu", r)
		}
	}
	for (r = 1; r <= rows; r++) {
		error = "-"
		if (n[r] > 1) {
			x = relative[r] / n[r]
			x = (square[r] - n[r] * x * x) / (n[r] - 1) / n[r]
			error = sprintf("%.1f", 100 * sqrt(x > 0 ? x : 0))
		}
		print title[r], n[r] + 0, n[r] ? sprintf("%.0f", ms[r] / n[r]) : "-",
		      runs[r] ? figure[4, r] OFS figure[5, r] OFS figure[6, r] : \
			      "-" OFS "-" OFS "-",
		      ratio("cpu", r), error, ratio(4, r), ratio(5, r), ratio(6, r)
	}
}
