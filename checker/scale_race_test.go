//go:build race

package checker_test

// The race detector makes everything ten times slower: these are the numbers
// of scale_test.go, smaller.
const (
	honestHistories      = 4000
	threadHistories      = 1000
	misbehavingHistories = 100
	misbehavingThreads   = 40
	leastNamed           = 0
)
