// The policies as a Go program would have them: golang.org/x/time/rate, and a breaker and a semaphore written plainly.
// Prints nanoseconds per operation as JSON, alone and with one goroutine for each core.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"runtime"
	"sort"
	"sync"
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

func measure(threads, operations, samples int, operation func()) float64 {
	results := make([]float64, 0, samples)
	for sample := 0; sample < samples; sample++ {
		var ready, done sync.WaitGroup
		begin := make(chan struct{})
		times := make([]time.Duration, threads)
		for thread := 0; thread < threads; thread++ {
			ready.Add(1)
			done.Add(1)
			go func(thread int) {
				defer done.Done()
				ready.Done()
				<-begin
				start := time.Now()
				for i := 0; i < operations; i++ {
					operation()
				}
				times[thread] = time.Since(start)
			}(thread)
		}
		ready.Wait()
		close(begin)
		done.Wait()
		var total time.Duration
		for _, each := range times {
			total += each
		}
		results = append(results, float64(total.Nanoseconds())/float64(threads*operations))
	}
	sort.Float64s(results)
	return results[len(results)/2]
}

func main() {
	operations := flag.Int("operations", 200_000, "operations per sample")
	samples := flag.Int("samples", 21, "samples; the median counts")
	flag.Parse()
	cores := runtime.NumCPU()

	closed := &breaker{start: time.Now()}
	open := &breaker{start: time.Now(), isOpen: true, openTill: time.Hour}
	limiter := rate.NewLimiter(rate.Limit(1e12), 1_000_000_000)
	spent := rate.NewLimiter(rate.Limit(1e-6), 1)
	spent.Allow()
	permits := make(semaphore, 64)

	work := map[string]func(){
		"breaker":         func() { _ = closed.allow(); closed.record(false) },
		"breaker open":    func() { _ = open.allow() },
		"limiter":         func() { limiter.Allow() },
		"limiter refusal": func() { spent.Allow() },
		"bulkhead": func() {
			if permits.tryAcquire() {
				permits.release()
			}
		},
		"stack": func() {
			if closed.allow() != nil || !limiter.Allow() || !permits.tryAcquire() {
				return
			}
			permits.release()
			closed.record(false)
		},
	}
	type figures struct {
		Alone     float64 `json:"alone"`
		Contended float64 `json:"contended"`
	}
	results := map[string]figures{}
	for name, operation := range work {
		results[name] = figures{
			Alone:     measure(1, *operations, *samples, operation),
			Contended: measure(cores, *operations, *samples, operation),
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		panic(err)
	}
}
