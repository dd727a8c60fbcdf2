// Package workload makes programs from a seed: the same workload on the same
// device gives the same programs, round by round.
package workload

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"aiocheck/traces"
)

// Mix is the weights by which a workload chooses. Weights of one group are
// compared with each other only; a weight of 0 excludes.
type Mix struct {
	Name     string
	Sentence string
	Weights  map[string]int
}

// The keys of Mix.Weights, by group.
var (
	requestKeys = []string{"PREAD", "PWRITE", "PREADV", "PWRITEV", "FSYNC", "FDSYNC", "READAHEAD", "POLL", "STREAM", "BLOCK", "REFUSED"}
	endKeys     = []string{"drain", "destroy", "exit", "kill"}
	// What a round is about: a mixture of requests, or one of rounds.go. All but
	// the mixture need a target whose contexts have threads.
	roundKeys = []string{"mixed", "names", "late", "pool", "frozen", "destroyed", "slots"}
	// Percentages: how often a submission is followed by a cancel, how often
	// an offset is chosen in the hot region, is not aligned, how often a round
	// exhausts the slots of a context.
	shareKeys = []string{"cancel", "hot", "unaligned", "exhaust"}
)

// Mixes are the named profiles. STREAM is a nonblocking transfer on a pipe or
// socket, BLOCK one that blocks until the other end moves, REFUSED a request
// that io_submit does not accept. What a target is not able to do, READAHEAD
// and every round that is not mixed, is left out there.
func Mixes() []Mix {
	return []Mix{
		{"default", "everything, storage first", map[string]int{
			"PREAD": 30, "PWRITE": 30, "PREADV": 6, "PWRITEV": 6, "FSYNC": 1, "FDSYNC": 1, "READAHEAD": 2, "POLL": 12, "STREAM": 6, "BLOCK": 1, "REFUSED": 1,
			"mixed": 40, "names": 20, "late": 14, "pool": 5, "frozen": 12, "destroyed": 5, "slots": 4,
			"drain": 84, "destroy": 12, "exit": 2, "kill": 2,
			"cancel": 25, "hot": 30, "unaligned": 4, "exhaust": 4}},
		{"storage", "reads and writes only, as a storage engine does", map[string]int{
			"PREAD": 50, "PWRITE": 50, "drain": 1, "hot": 10}},
		{"hot", "reads and writes of few sectors, all overlapping", map[string]int{
			"PREAD": 50, "PWRITE": 50, "drain": 1, "hot": 100}},
		{"cancel", "requests that wait, and cancels of each in every state", map[string]int{
			"PREAD": 8, "PWRITE": 8, "FSYNC": 1, "POLL": 60, "STREAM": 8, "BLOCK": 4, "REFUSED": 1,
			"mixed": 40, "late": 30, "frozen": 16, "destroyed": 8, "slots": 6,
			"drain": 70, "destroy": 20, "exit": 5, "kill": 5,
			"cancel": 90, "hot": 50, "exhaust": 5}},
		{"pool", "more requests that wait than there are threads, in every way that they can end", map[string]int{
			"PREAD": 20, "PWRITE": 20, "POLL": 20, "BLOCK": 10, "REFUSED": 2,
			"late": 30, "pool": 20, "frozen": 20, "destroyed": 15, "slots": 15,
			"drain": 70, "destroy": 20, "exit": 5, "kill": 5,
			"cancel": 50, "hot": 50, "exhaust": 10}},
		{"names", "opens, unlinks and renames of few names", map[string]int{
			"PREAD": 50, "PWRITE": 50,
			"names": 80, "frozen": 20,
			"drain": 80, "destroy": 14, "exit": 3, "kill": 3,
			"cancel": 25, "hot": 50}},
	}
}

// ParseMix finds a profile by name, or changes one: "default" or
// "default,POLL=40,kill=0" or "PREAD=1,drain=1" (which starts from nothing).
func ParseMix(text string) (Mix, error) {
	fields := strings.Split(text, ",")
	mix := Mix{Name: text, Weights: map[string]int{}}
	if !strings.Contains(fields[0], "=") {
		found := false
		for _, m := range Mixes() {
			if m.Name == fields[0] {
				mix.Sentence, mix.Weights, found = m.Sentence, m.Weights, true
			}
		}
		if !found {
			return mix, fmt.Errorf("no mix is called %q: there are %s", fields[0], MixNames())
		}
		fields = fields[1:]
	}
	for _, f := range fields {
		key, value, ok := strings.Cut(f, "=")
		n, err := strconv.Atoi(value)
		if !ok || err != nil || n < 0 {
			return mix, fmt.Errorf("mix: %q is not KEY=WEIGHT with a weight of 0 or more", f)
		}
		if !known(key) {
			return mix, fmt.Errorf("mix: no key %q: there are %s", key, strings.Join(allKeys(), ", "))
		}
		if n > maxWeight {
			return mix, fmt.Errorf("mix: weight %d of %s is above %d", n, key, maxWeight)
		}
		mix.Weights[key] = n
	}
	for _, group := range [][]string{requestKeys, endKeys} {
		if mix.sum(group) == 0 {
			return mix, fmt.Errorf("mix %q: at least one of %s needs a weight above 0", text, strings.Join(group, ", "))
		}
	}
	for _, k := range shareKeys {
		if mix.Weights[k] > 100 {
			return mix, fmt.Errorf("mix: %s is a percentage, not %d", k, mix.Weights[k])
		}
	}
	return mix, nil
}

// leave takes out of the mix what the target is not able to do.
func (m Mix) leave(able traces.Abilities) error {
	without := func(ability bool, keys ...string) {
		for _, k := range keys {
			if !ability {
				m.Weights[k] = 0
			}
		}
	}
	without(able.Threaded, append([]string{"READAHEAD"}, roundKeys[1:]...)...)
	without(able.Names, "names")
	without(able.Freeze, "frozen")
	if m.sum(roundKeys) == 0 {
		m.Weights["mixed"] = 1
	}
	if m.sum(requestKeys) == 0 {
		return fmt.Errorf("mix %q: the target can do nothing of it", m.Name)
	}
	return nil
}

func (m Mix) sum(group []string) int {
	sum := 0
	for _, k := range group {
		sum += m.Weights[k]
	}
	return sum
}

// maxWeight keeps sums of weights far from overflow.
const maxWeight = 1_000_000

func allKeys() []string {
	keys := slices.Concat(requestKeys, endKeys, roundKeys, shareKeys)
	sort.Strings(keys)
	return keys
}

func known(key string) bool {
	for _, k := range allKeys() {
		if k == key {
			return true
		}
	}
	return false
}

// MixNames lists the profiles: "default, storage, hot, cancel".
func MixNames() string { return strings.Join(mixNames(), ", ") }

func mixNames() []string {
	var names []string
	for _, m := range Mixes() {
		names = append(names, m.Name)
	}
	return names
}
