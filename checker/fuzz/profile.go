package fuzz

import (
	"fmt"
	"slices"
	"strings"

	"aiocheck/traces"
)

// Profile is the weights by which drafts are generated. Weights of one group
// are compared with each other only; one of 0 excludes.
type Profile struct {
	Name     string
	Sentence string
	Stories  map[string]int // what a draft is about: keys of stories
	Ends     map[traces.End]int
	Waiting  map[string]int // what a request that is cancelled waits for: keys of waits
	// Mutated is how many of 100 programs come from the corpus.
	Mutated int
}

var (
	evenEnds = map[traces.End]int{traces.EndDrain: 6, traces.EndDestroy: 2, traces.EndExit: 1, traces.EndKill: 1}
	allWaits = map[string]int{"read": 6, "poll": 4, "pollout": 1, "big": 3, "storage": 4, "fifo": 1, "sync": 1, "ahead": 1, "awaited": 2, "name": 1}
)

// Profiles are the named ones. What a target is not able to do is left out
// there.
func Profiles() []Profile {
	return []Profile{
		{"default", "everything, cancels first", map[string]int{
			"cancel": 10, "race": 8, "destroy": 6, "leave": 5, "halved": 5, "mixed": 8, "storage": 6, "pool": 3, "address": 3, "frozen": 6,
			"names": 9, "reused": 3, "chdir": 3, "fifo": 2, "opens": 3, "suid": 3, "unborn": 3, "slots": 6, "ring": 3, "eventfd": 4, "stream": 5},
			evenEnds, allWaits, 35},
		{"cancel", "requests that wait, and cancels of each at every stage", map[string]int{
			"cancel": 12, "race": 12, "destroy": 4, "leave": 3, "halved": 8, "mixed": 4, "address": 4, "frozen": 6, "unborn": 2, "fifo": 2},
			map[traces.End]int{traces.EndDrain: 12, traces.EndDestroy: 2, traces.EndExit: 1, traces.EndKill: 1}, allWaits, 35},
		{"exit", "destroy, exit and kill against requests in flight, and against cancels of them", map[string]int{
			"destroy": 10, "leave": 12, "race": 4, "mixed": 4, "storage": 2, "frozen": 2},
			map[traces.End]int{traces.EndDrain: 1, traces.EndDestroy: 4, traces.EndExit: 4, traces.EndKill: 4}, allWaits, 35},
		{"names", "opens, unlinks and renames, and cancels of them", map[string]int{
			"names": 12, "reused": 4, "chdir": 4, "fifo": 3, "opens": 4, "suid": 3, "unborn": 6, "frozen": 2},
			evenEnds, map[string]int{"name": 4, "fifo": 4, "read": 1}, 35},
		{"storage", "reads and writes of few sectors, and cancels of them", map[string]int{
			"storage": 12, "halved": 6, "frozen": 3, "race": 3, "cancel": 3, "destroy": 2, "leave": 2},
			evenEnds, map[string]int{"storage": 8, "big": 1, "sync": 1, "ahead": 1}, 35},
		{"unbiased", "calls and arguments drawn evenly, nothing of them in concert, without feedback", map[string]int{"even": 1},
			map[traces.End]int{traces.EndDrain: 1, traces.EndDestroy: 1, traces.EndExit: 1, traces.EndKill: 1}, allWaits, 0},
	}
}

// FindProfile is the profile of that name.
func FindProfile(name string) (*Profile, error) {
	for _, p := range Profiles() {
		if p.Name == name {
			return &p, nil
		}
	}
	return nil, fmt.Errorf("no profile is called %q: there are %s", name, ProfileNames())
}

// ProfileNames lists the profiles: "default, cancel, exit".
func ProfileNames() string {
	var names []string
	for _, p := range Profiles() {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

// choice is a weighted choice whose order does not depend on a map's.
type choice[K comparable] struct {
	keys    []K
	weights []int
	sum     int
}

// choices orders the keys of weights above 0 as all has them.
func choices[K comparable](weights map[K]int, all []K) (c choice[K]) {
	for _, k := range all {
		if w := weights[k]; w > 0 {
			c.keys, c.weights, c.sum = append(c.keys, k), append(c.weights, w), c.sum+w
		}
	}
	return c
}

// at is the key of a number from 0 to sum-1.
func (c *choice[K]) at(n int) K {
	for i, w := range c.weights {
		if n -= w; n < 0 {
			return c.keys[i]
		}
	}
	panic("choice: the number is beyond the sum of the weights")
}

// sortedKeys are the keys of a table, in order.
func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
