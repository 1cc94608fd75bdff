// The policies as a Go program would have them: golang.org/x/time/rate, and a breaker and a semaphore written plainly.
// Prints nanoseconds per operation and core as JSON, alone and with one goroutine for each core.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

var errOpen = errors.New("circuit open")

type bucket struct {
	epoch           int64
	calls, failures uint32
}

// breaker has a window of ten buckets under one mutex, and the rules of Bulwark's defaults.
type breaker struct {
	mutex    sync.Mutex
	start    time.Time
	buckets  [10]bucket
	openTill time.Duration
	isOpen   bool
}

func (b *breaker) allow() error {
	now := time.Since(b.start)
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.isOpen && now < b.openTill {
		return errOpen
	}
	return nil
}

func (b *breaker) record(failed bool) {
	now := time.Since(b.start)
	b.mutex.Lock()
	defer b.mutex.Unlock()
	epoch := int64(now / (6 * time.Second))
	slot := &b.buckets[epoch%10]
	if slot.epoch != epoch {
		*slot = bucket{epoch: epoch}
	}
	slot.calls++
	if failed {
		slot.failures++
	}
	var calls, failures uint32
	for i := range b.buckets {
		if b.buckets[i].epoch > epoch-10 {
			calls += b.buckets[i].calls
			failures += b.buckets[i].failures
		}
	}
	if calls >= 10 && failures*2 >= calls {
		b.isOpen = true
		b.openTill = now + time.Minute
	}
}

type semaphore chan struct{}

func (s semaphore) tryAcquire() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s semaphore) release() { <-s }

// workload does the operation as many times as it is told, and says how often it went as its name says.
type workload func(count int) int

// batch is the number of operations between two looks at the clock.
const batch = 100

// sample counts what all goroutines do in a window of time that they have in common: each hammers from before the
// window until after it. The result is nanoseconds per operation and core. No sample is repeated because another program
// took a core: a goroutine that waits for a mutex gives its core away as well, so the two cannot be told apart.
func sample(threads int, window time.Duration, work workload) float64 {
	margin := window / 4
	origin := time.Now()
	var waiting, begin, operations atomic.Int64
	waiting.Store(int64(threads))
	var done sync.WaitGroup
	for thread := 0; thread < threads; thread++ {
		done.Add(1)
		go func() {
			defer done.Done()
			if waiting.Add(-1) == 0 {
				begin.Store(int64(time.Since(origin) + margin))
			}
			// Each has a core of its own, and so may spin.
			for begin.Load() == 0 {
			}
			start := time.Duration(begin.Load())
			end := start + window
			inWindow := 0
			for {
				if good := work(batch); good != batch {
					panic("an operation did not do what it is measured for")
				}
				now := time.Since(origin)
				if now >= end+margin {
					break
				}
				if now >= start && now < end {
					inWindow += batch
				}
			}
			operations.Add(int64(inWindow))
		}()
	}
	done.Wait()
	return float64(window.Nanoseconds()) * float64(threads) / float64(operations.Load())
}

func median(values []float64) float64 {
	sort.Float64s(values)
	return values[len(values)/2]
}

func main() {
	microseconds := flag.Int("microseconds", 2000, "length of a sample")
	samples := flag.Int("samples", 101, "samples; the median counts")
	flag.Parse()
	cores := runtime.NumCPU()
	window := time.Duration(*microseconds) * time.Microsecond

	closed := &breaker{start: time.Now()}
	open := &breaker{start: time.Now(), isOpen: true, openTill: 24 * time.Hour}
	limiter := rate.NewLimiter(rate.Limit(1e12), 1_000_000_000)
	halfEmpty := rate.NewLimiter(1000, 10_000_000_000)
	halfEmpty.AllowN(time.Now(), 6_000_000_000)
	spent := rate.NewLimiter(rate.Limit(1e-6), 1)
	spent.Allow()
	permits := make(semaphore, 64)
	full := make(semaphore, 1)
	full.tryAcquire()

	allow := func(limiter *rate.Limiter, expected bool) workload {
		return func(count int) (good int) {
			for i := 0; i < count; i++ {
				if limiter.Allow() == expected {
					good++
				}
			}
			return
		}
	}
	work := map[string]workload{
		"breaker": func(count int) (good int) {
			for i := 0; i < count; i++ {
				if closed.allow() == nil {
					closed.record(false)
					good++
				}
			}
			return
		},
		"breaker open": func(count int) (good int) {
			for i := 0; i < count; i++ {
				if open.allow() != nil {
					good++
				}
			}
			return
		},
		"limiter":         allow(limiter, true),
		"limiter half":    allow(halfEmpty, true),
		"limiter refusal": allow(spent, false),
		"bulkhead": func(count int) (good int) {
			for i := 0; i < count; i++ {
				if permits.tryAcquire() {
					permits.release()
					good++
				}
			}
			return
		},
		"stack": func(count int) (good int) {
			for i := 0; i < count; i++ {
				if closed.allow() != nil || !limiter.Allow() || !permits.tryAcquire() {
					continue
				}
				permits.release()
				closed.record(false)
				good++
			}
			return
		},
		"stack, full": func(count int) (good int) {
			for i := 0; i < count; i++ {
				if closed.allow() == nil && !full.tryAcquire() {
					good++
				}
			}
			return
		},
	}
	type figures struct {
		Alone     float64 `json:"alone"`
		Contended float64 `json:"contended"`
	}
	results := map[string]figures{}
	for name, loop := range work {
		var alone, contended []float64
		for i := 0; i < *samples; i++ {
			alone = append(alone, sample(1, window, loop))
			contended = append(contended, sample(cores, window, loop))
		}
		results[name] = figures{Alone: median(alone), Contended: median(contended)}
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		panic(err)
	}
}
