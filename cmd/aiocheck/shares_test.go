package main

import (
	"testing"
	"time"
)

// Shares have all requests together, a seed and a trace each.
func TestShares(t *testing.T) {
	for _, c := range []struct {
		v      verifyCommand
		shares int
	}{
		{verifyCommand{Requests: 20000, Guests: 2}, 8},
		{verifyCommand{Requests: 1001, Guests: 2}, 2},
		{verifyCommand{Requests: 3, Guests: 8}, 3},
		{verifyCommand{Requests: 600, Guests: 1, Fresh: true}, 3},
	} {
		c.v.Seed, c.v.Trace = 10, "dir/run.aiot"
		todo := c.v.newShares()
		requests, n := 0, 0
		for part := todo.next(); part != nil; part = todo.next() {
			n++
			requests += part.Requests
			if part.Seed != uint64(9+n) || n == 2 && part.Trace != "dir/run-2.aiot" {
				t.Errorf("%+v: share %d has seed %d, trace %s", c.v, n, part.Seed, part.Trace)
			}
		}
		if n != c.shares || requests != c.v.Requests {
			t.Errorf("%d requests for %d guests, fresh %v: %d shares of %d requests, want %d", c.v.Requests, c.v.Guests, c.v.Fresh, n, requests, c.shares)
		}
	}
	v := verifyCommand{Duration: time.Hour, Guests: 1}
	todo := v.newShares()
	if part := todo.next(); part == nil || part.Requests != shareRequests || part.Duration != 0 {
		t.Errorf("%+v", part)
	}
	todo.ends = time.Now().Add(-time.Second)
	if part := todo.next(); part != nil {
		t.Errorf("a share after the end: %+v", part)
	}
}
