package main

import (
	"fmt"
	"strings"
)

func main() {
	for i := 0; i < 5<<10; i++ {
		fmt.Println(strings.Repeat("x", 1023))
	}
}
