//go:build !race

package fuzz_test

// How many programs the tests judge.
const (
	honest  = 1000 // of each profile
	mutants = 2500
)
