package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

func main() {
	var total int32
	var group sync.WaitGroup
	for i := 0; i < 4; i++ {
		group.Add(1)
		go func() {
			runtime.LockOSThread()
			defer group.Done()
			for n := 0; n < 1000; n++ {
				atomic.AddInt32(&total, 1)
			}
		}()
	}
	group.Wait()
	fmt.Println(total)
}
