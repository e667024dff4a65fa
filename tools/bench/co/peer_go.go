// SPDX-License-Identifier: GPL-2.0-only

// peer_go: goroutines.  Suspended ones wait on a channel; a switch is half of a
// round trip through two unbuffered channels.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

func field(path, key string) (kb int64) {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if w := strings.Fields(s.Text()); w[0] == key+":" {
			kb, _ = strconv.ParseInt(w[1], 10, 64)
		}
	}
	return kb
}

func machine() int64 {
	return field("/proc/meminfo", "MemFree") +
		field("/proc/meminfo", "Cached") + field("/proc/meminfo", "Buffers")
}

func own() int64 {
	return field("/proc/self/status", "VmRSS") +
		field("/proc/self/status", "VmPTE")
}

func mappings() int {
	data, _ := os.ReadFile("/proc/self/maps")
	return strings.Count(string(data), "\n")
}

func cpu() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

var block = make(chan int)

func suspend(n int) {
	var started sync.WaitGroup
	started.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			started.Done()
			<-block
		}()
	}
	started.Wait()
	for i := 0; i < 100; i++ {
		runtime.Gosched()
	}
}

func best(what string, n, parts int, fn func(int)) {
	fn(n / 10)
	least := 0.0
	for i := 0; i < 7; i++ {
		t := cpu()
		fn(n)
		t = (cpu() - t) / float64(n) / float64(parts)
		if i == 0 || t < least {
			least = t
		}
	}
	fmt.Printf("%s %.1f ns\n", what, least)
}

func main() {
	n := 1000000
	if len(os.Args) > 2 {
		n, _ = strconv.Atoi(os.Args[2])
	}
	switch os.Args[1] {
	case "memory":
		suspend(100)
		before, mine := machine(), own()
		maps := mappings()
		suspend(n)
		fmt.Printf("made %d coroutines\n", n)
		fmt.Printf("memory %d bytes each (MemFree)\n",
			(before-machine())*1024/int64(n))
		fmt.Printf("own %d bytes each (resident and page tables)\n",
			(own()-mine)*1024/int64(n))
		fmt.Printf("mappings %d\n", mappings()-maps)
	case "switch":
		runtime.GOMAXPROCS(1)
		to, from := make(chan int), make(chan int)
		go func() {
			for {
				from <- <-to
			}
		}()
		best("switch", 1000000, 2, func(n int) {
			for i := 0; i < n; i++ {
				to <- i
				<-from
			}
		})
	case "create":
		runtime.GOMAXPROCS(1)
		done := make(chan int)
		best("create", 1000000, 1, func(n int) {
			for i := 0; i < n; i++ {
				go func() { done <- 1 }()
				<-done
			}
		})
	}
}
