package main

import "os"

func main() {
	os.WriteFile("out.txt", []byte("written\n"), 0o644)
}
