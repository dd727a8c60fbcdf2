//go:build race

package fuzz_test

// The race detector is told enough by few programs.
const (
	honest     = 100
	mutants    = 300
	powerSeeds = 1
	powerTable = false
)
