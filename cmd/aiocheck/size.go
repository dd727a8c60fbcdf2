package main

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
)

// size is a number of bytes on the command line: 512, 64K, 1MiB.
type size int64

// UnmarshalText reads a size; K, M and G are powers of 1024.
func (s *size) UnmarshalText(text []byte) error {
	t := strings.TrimSuffix(strings.ToUpper(string(text)), "B")
	if n := len(t); n > 0 && strings.ContainsRune("KMGT", rune(t[n-1])) {
		t += "I"
	}
	n, err := humanize.ParseBytes(t + "B")
	if err != nil || n > 1<<50 {
		return fmt.Errorf("%q is not a size such as 512, 64K or 1M", text)
	}
	*s = size(n)
	return nil
}

// MarshalText is the inverse of UnmarshalText, for flags that are kept.
func (s size) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%d", int64(s)), nil }

// sizeRange is the sizes of requests: 4K, or 512-1M.
type sizeRange struct{ Min, Max size }

// UnmarshalText reads one size or two with a hyphen between them.
func (r *sizeRange) UnmarshalText(text []byte) error {
	low, high, both := strings.Cut(string(text), "-")
	if !both {
		high = low
	}
	if err := r.Min.UnmarshalText([]byte(low)); err != nil {
		return err
	}
	return r.Max.UnmarshalText([]byte(high))
}
