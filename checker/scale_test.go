//go:build !race

package checker_test

// How many histories of an honest target are judged, how many of each
// misbehaving one, and in how many the expected property must be named.
const (
	honestHistories      = 100_000
	misbehavingHistories = 1500
	leastNamed           = 10
)
