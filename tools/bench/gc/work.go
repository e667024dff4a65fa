// SPDX-License-Identifier: GPL-2.0-only

// work: the programs of work.c in Go, for its collector.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

type node struct {
	left, right *node
	i, j        int64
}

type small struct {
	p *small
	a [3]uint64
}

var (
	end   int32
	worst time.Duration
	keep  *small
)

func watch(done chan bool) {
	last := time.Now()
	for atomic.LoadInt32(&end) == 0 {
		keep = new(small)
		at := time.Now()
		if at.Sub(last) > worst {
			worst = at.Sub(last)
		}
		last = at
	}
	done <- true
}

func bottomUp(depth int) *node {
	if depth == 0 {
		return new(node)
	}
	l := bottomUp(depth - 1)
	r := bottomUp(depth - 1)
	return &node{left: l, right: r}
}

func topDown(depth int, n *node) {
	if depth == 0 {
		return
	}
	n.left = new(node)
	n.right = new(node)
	topDown(depth-1, n.left)
	topDown(depth-1, n.right)
}

func count(n *node) int64 {
	if n == nil {
		return 0
	}
	return 1 + count(n.left) + count(n.right)
}

func gcbench(live int, watched bool) {
	done := make(chan bool)
	tree := new(node)
	array := make([]float64, 500000)
	if watched {
		go watch(done)
	}
	bottomUp(18)
	topDown(live, tree)
	for depth := 4; depth <= 16; depth += 2 {
		times := 2 * (1 << 19) / ((1 << (depth + 1)) - 1)
		for i := 0; i < times; i++ {
			n := new(node)
			topDown(depth, n)
			bottomUp(depth)
		}
	}
	array[1000] = 1
	if count(tree) != 1<<(live+1)-1 {
		panic("lost")
	}
	if watched {
		atomic.StoreInt32(&end, 1)
		<-done
	}
}

func trees(max int) {
	tree := bottomUp(max)
	for depth := 4; depth <= max; depth += 2 {
		for i := 0; i < 1<<(max-depth+4); i++ {
			count(bottomUp(depth))
		}
	}
	if count(tree) != 1<<(max+1)-1 {
		panic("lost")
	}
}

func window(n, bytes int) {
	last := make([][]byte, n)
	for i := 0; i < 5*n; i++ {
		begin := time.Now()
		msg := make([]byte, bytes)
		for j := range msg {
			msg[j] = byte(i)
		}
		last[i%n] = msg
		if took := time.Since(begin); took > worst {
			worst = took
		}
	}
}

type entry struct {
	chain, newer, older *entry
	key                 uint64
	value               []byte
}

func lru(entries, ops int) {
	var newest, oldest *entry
	n, buckets := 0, uint64(2*entries)
	bucket := make([]*entry, buckets)
	seed := uint64(88172645463325252)
	unlink := func(e *entry) {
		if e.newer != nil {
			e.newer.older = e.older
		} else {
			newest = e.older
		}
		if e.older != nil {
			e.older.newer = e.newer
		} else {
			oldest = e.newer
		}
	}
	for i := 0; i < ops; i++ {
		begin := time.Now()
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
		key := seed % uint64(2*entries)
		e := bucket[key%buckets]
		for e != nil && e.key != key {
			e = e.chain
		}
		if e != nil {
			unlink(e)
		} else {
			e = &entry{key: key, value: make([]byte, 64), chain: bucket[key%buckets]}
			bucket[key%buckets] = e
			if n++; n > entries {
				old := oldest
				at := &bucket[old.key%buckets]
				for *at != old {
					at = &(*at).chain
				}
				*at = old.chain
				unlink(old)
			}
		}
		e.older, e.newer = newest, nil
		if newest != nil {
			newest.newer = e
		} else {
			oldest = e
		}
		newest = e
		if took := time.Since(begin); took > worst {
			worst = took
		}
	}
}

func main() {
	begin := time.Now()
	a, _ := strconv.Atoi(os.Args[2])
	b := 0
	if len(os.Args) > 3 {
		b, _ = strconv.Atoi(os.Args[3])
	}
	switch os.Args[1] {
	case "gcbench":
		gcbench(a, b != 0)
	case "trees":
		trees(a)
	case "window":
		window(a, b)
	case "lru":
		lru(a, b)
	}
	var use syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	cpu := use.Utime.Sec*1000 + use.Utime.Usec/1000 + use.Stime.Sec*1000 + use.Stime.Usec/1000
	fmt.Printf("%d %d %.1f %d\n", cpu, time.Since(begin).Milliseconds(),
		float64(worst.Microseconds())/1000, use.Maxrss>>10)
}
