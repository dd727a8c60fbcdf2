package fuzz

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Seed is a draft that has shown something new, with all that its round has
// shown.
type Seed struct {
	Draft    *Draft   `json:"draft"`
	Features features `json:"features"`
}

// Corpus is the drafts worth keeping, in a directory: one file each, named by
// its contents, so that corpora are merged by copying files.
type Corpus struct {
	dir   string
	seeds []*Seed
	known map[string]bool
	count map[string]int // of known, by first word
}

// OpenCorpus reads a corpus, making the directory if there is none. Files that
// are no seeds are an error. One without a directory is in memory only.
func OpenCorpus(dir string) (*Corpus, error) {
	c := &Corpus{dir: dir, known: map[string]bool{}, count: map[string]int{}}
	if dir == "" {
		return c, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the corpus: %w", err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("look for the corpus: %w", err)
	}
	slices.Sort(paths)
	for _, path := range paths {
		s := &Seed{}
		if err := readJSON(path, s); err != nil {
			return nil, err
		}
		if s.Draft == nil {
			return nil, fmt.Errorf("read %s: it is no draft", path)
		}
		c.keep(s)
	}
	return c, nil
}

func (c *Corpus) keep(s *Seed) {
	c.seeds = append(c.seeds, s)
	for _, f := range s.Features {
		if !c.known[f] {
			c.known[f] = true
			kind, _, _ := strings.Cut(f, " ")
			c.count[kind]++
		}
	}
}

// Add keeps a draft if it has shown something new, and reports whether.
func (c *Corpus) Add(d *Draft, shown features) (bool, error) {
	isNew := false
	for _, f := range shown {
		isNew = isNew || !c.known[f]
	}
	if !isNew {
		return false, nil
	}
	s := &Seed{Draft: d, Features: shown}
	c.keep(s)
	if c.dir == "" {
		return true, nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		return true, fmt.Errorf("write the corpus: %w", err)
	}
	return true, writeJSON(filepath.Join(c.dir, seedName(text)), s)
}

func seedName(text []byte) string {
	sum := fnv.New64a()
	sum.Write(text)
	return fmt.Sprintf("%016x.json", sum.Sum64())
}

// Minimise removes seeds without which the corpus has every feature still: of
// two that show the same, the longer one goes. It returns how many went.
func (c *Corpus) Minimise() (int, error) {
	shown := map[string]int{} // by feature: how many seeds have it
	for _, s := range c.seeds {
		for _, f := range s.Features {
			shown[f]++
		}
	}
	// Those with least to show go first, the longer before the shorter.
	order := slices.Clone(c.seeds)
	slices.SortStableFunc(order, func(a, b *Seed) int {
		if n := len(a.Features) - len(b.Features); n != 0 {
			return n
		}
		return len(b.Draft.Acts) - len(a.Draft.Acts)
	})
	kept := map[*Seed]bool{}
	for _, s := range order {
		kept[s] = slices.ContainsFunc(s.Features, func(f string) bool { return shown[f] == 1 })
		if !kept[s] {
			for _, f := range s.Features {
				shown[f]--
			}
		}
	}
	before := len(c.seeds)
	names := map[string]bool{}
	c.seeds = slices.DeleteFunc(slices.Clone(c.seeds), func(s *Seed) bool { return !kept[s] })
	if c.dir == "" {
		return before - len(c.seeds), nil
	}
	for _, s := range c.seeds {
		text, err := json.Marshal(s)
		if err != nil {
			return 0, fmt.Errorf("minimise the corpus: %w", err)
		}
		names[seedName(text)] = true
	}
	paths, err := filepath.Glob(filepath.Join(c.dir, "*.json"))
	for _, path := range paths {
		if !names[filepath.Base(path)] {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return before - len(c.seeds), err
}

// Counts are how many features of each kind are known, by its first word.
func (c *Corpus) Counts() map[string]int { return maps.Clone(c.count) }
