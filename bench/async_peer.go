// What bench/async_*.cpp measures, written for Go: one line for each figure, name and value.
//
// Times are nanoseconds for one operation, the best of three rounds; idle_task is bytes for one sleeping goroutine.
package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"
)

const (
	rounds = 3
	slice  = 1000
)

func trivial(value int) int { return value }

func gather(count int) {
	for done := 0; done < count; done += slice {
		values := make([]int, slice)
		var all sync.WaitGroup
		all.Add(slice)
		for i := 0; i < slice; i++ {
			go func(i int) {
				values[i] = trivial(i)
				all.Done()
			}(i)
		}
		all.Wait()
	}
}

func spawnAndJoin(count int) {
	for done := 0; done < count; done += slice {
		group, cancel := context.WithCancel(context.Background())
		handles := make([]chan int, slice)
		for i := 0; i < slice; i++ {
			handles[i] = make(chan int, 1)
			go func(i int) {
				if group.Err() == nil {
					handles[i] <- trivial(i)
				}
			}(i)
		}
		for _, each := range handles {
			<-each
		}
		cancel()
	}
}

func handOver(count int) {
	channel := make(chan int, 64)
	go func() {
		for i := 0; i < count; i++ {
			channel <- i
		}
		close(channel)
	}()
	for range channel {
	}
}

func semaphore(count int) {
	const waiters = 1000
	permits := make(chan struct{}, 10)
	var all sync.WaitGroup
	all.Add(waiters)
	for i := 0; i < waiters; i++ {
		go func() {
			for turn := 0; turn < count/waiters; turn++ {
				permits <- struct{}{}
				runtime.Gosched()
				<-permits
			}
			all.Done()
		}()
	}
	all.Wait()
}

func timers(count int) {
	for i := 0; i < count; i++ {
		_, cancel := context.WithTimeout(context.Background(), time.Hour)
		runtime.Gosched()
		cancel()
	}
}

func nanoseconds(threads int, work func(int), count int) float64 {
	runtime.GOMAXPROCS(threads)
	best := 0.0
	for round := 0; round < rounds; round++ {
		started := time.Now()
		work(count)
		took := float64(time.Since(started).Nanoseconds()) / float64(count)
		if round == 0 || took < best {
			best = took
		}
	}
	return best
}

func idle(count int) float64 {
	used := func() uint64 {
		runtime.GC()
		var seen runtime.MemStats
		runtime.ReadMemStats(&seen)
		return seen.HeapInuse + seen.StackInuse + seen.OtherSys
	}
	before := used()
	for i := 0; i < count; i++ {
		go time.Sleep(time.Hour)
	}
	for i := 0; i < 10; i++ {
		runtime.Gosched()
	}
	return float64(used()-before) / float64(count)
}

func main() {
	fmt.Printf("gather %.0f\n", nanoseconds(1, gather, 1000000))
	fmt.Printf("spawn_and_join %.0f\n", nanoseconds(1, spawnAndJoin, 1000000))
	fmt.Printf("timers %.0f\n", nanoseconds(1, timers, 1000000))
	fmt.Printf("channel_one_loop %.0f\n", nanoseconds(1, handOver, 1000000))
	fmt.Printf("channel_two_threads %.0f\n", nanoseconds(2, handOver, 1000000))
	fmt.Printf("semaphore %.0f\n", nanoseconds(1, semaphore, 300000))
	fmt.Printf("idle_task %.0f\n", idle(200000))
}
