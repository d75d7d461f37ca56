// Go's net/http as http2_client.cpp is measured: http2_peer URL COUNT STREAMS, on one connection and one core.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	runtime.GOMAXPROCS(1)
	url := os.Args[1]
	count, _ := strconv.ParseInt(os.Args[2], 10, 64)
	streams, _ := strconv.Atoi(os.Args[3])
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true, MaxConnsPerHost: 1}}
	var begun atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for i := 0; i < streams; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for begun.Add(1) <= count {
				answer, err := client.Get(url)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				if answer.StatusCode != 200 || answer.ProtoMajor != 2 {
					fmt.Fprintln(os.Stderr, answer.Status, answer.Proto)
					os.Exit(1)
				}
			}
		}()
	}
	all.Wait()
	fmt.Printf("%.0f\n", float64(count)/time.Since(start).Seconds())
}
