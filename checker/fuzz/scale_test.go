//go:build !race

package fuzz_test

// How many programs the tests judge.
const (
	honest  = 600 // of each profile
	mutants = 1500
)
