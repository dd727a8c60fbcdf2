package fuzz

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"aiocheck/checker"
)

// Replayed is what running a finding's program again has shown.
type Replayed struct {
	Property   string          `json:"property"`
	Outcome    checker.Outcome `json:"outcome"` // whether the property was violated again
	Rate       Rate            `json:"rate"`
	Violations []Violation     `json:"violations"` // of the first run that violates it
}

// Replay runs the program of a finding so many times. The first run has the
// seed that showed it, where the target takes one.
func Replay(ctx context.Context, open func(context.Context) (Target, error), f *Finding, d *Draft, runs int) (*Replayed, error) {
	profile, err := FindProfile(f.Profile)
	if err != nil {
		return nil, err
	}
	c := &campaign{Config: Config{Open: open, Profile: profile, Seed: f.Seed}}
	l := &lane{campaign: c}
	if l.target, err = open(ctx); err != nil {
		return nil, fmt.Errorf("open the target: %w", err)
	}
	defer func() {
		if l.target != nil {
			err = errors.Join(err, l.target.Close())
		}
	}()
	r := &rerun{Context: ctx, lane: l, property: f.Property, seed: f.RunSeed}
	replayed := &Replayed{Property: f.Property, Violations: []Violation{}}
	one, ran, violated, err := r.once(d, 1, true)
	if err != nil {
		return nil, err
	}
	rate, other, err := r.rate(d, runs-ran)
	if err != nil {
		return nil, err
	}
	replayed.Rate = Rate{Runs: rate.Runs + ran, Violated: rate.Violated + violated}
	if one == nil {
		one = other
	}
	if one != nil {
		replayed.Outcome, replayed.Violations = checker.Violated, one.judged.Violations
	}
	return replayed, ctx.Err()
}

// SeedOf is the seed of the campaign in a directory, 0 if there is none yet.
func SeedOf(dir string) (uint64, error) {
	var before resumed
	err := readJSON(filepath.Join(dir, fileCampaign), &before)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	return before.Seed, err
}
