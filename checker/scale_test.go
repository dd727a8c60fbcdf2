//go:build !race

package checker_test

// How many histories of an honest target are judged, how many of an honest
// one with threads (of -histories 100000, none had a finding), how many of each
// misbehaving one, and in how many the expected property must be named.
const (
	honestHistories      = 100_000
	threadHistories      = 20_000
	misbehavingHistories = 1500
	misbehavingThreads   = 800
	leastNamed           = 8
)
