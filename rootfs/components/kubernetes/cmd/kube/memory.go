package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// While a program starts: how much garbage there may be, in percent of what is live, and for how long.
const (
	laxPercent = 400
	laxTime    = time.Minute
)

// Afterwards: how long a program has to be without a collection to be idle, and up to which heap in bytes
// its garbage is collected then. A larger one takes a tenth of a second and more.
const (
	idleTime = time.Minute
	idleHeap = 256 << 20
)

// mindMemory lets garbage lie while a daemon starts. Then GOGC counts, and an idle daemon gives back what it
// does not use. It does so only where the environment sets GOGC.
//
// A start throws away several times what it keeps, while the heap is small and all others wait. With
// the GOGC=50 that suits a small node, collecting is a fifth of the processor time of the API server
// until it is ready; the memory that it saves is needed later, when pods run. And an idle daemon takes
// minutes to fill what it may before it collects: half as much again as it needs, and it keeps that. Go by
// itself collects after two idle minutes.
func mindMemory() {
	if os.Getenv("GOGC") == "" {
		return
	}
	percent := debug.SetGCPercent(laxPercent)
	time.Sleep(laxTime)
	debug.SetGCPercent(percent)
	debug.FreeOSMemory()
	for {
		before, _ := collected()
		time.Sleep(idleTime)
		if now, heap := collected(); now == before && heap < idleHeap {
			debug.FreeOSMemory()
		}
	}
}

// collected says how often garbage was collected, and how many bytes are in the heap, garbage included.
func collected() (cycles, heap uint64) {
	samples := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}
