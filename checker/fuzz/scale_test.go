//go:build !race

package fuzz_test

// How many programs the tests judge.
const (
	honest  = 600 // of each profile
	mutants = 1500
	// powerSeeds is how many campaigns look for each misbehaviour.
	powerSeeds = 5
	powerTable = true // the numbers are those of the table
)
