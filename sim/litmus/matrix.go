package litmus

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"aiocheck/model/design"
	"aiocheck/sim/explore"
	"aiocheck/traces/litmus"
)

// Matrix is what each of some tests gives under each of some designs.
type Matrix struct {
	Tests   []*litmus.Test
	Designs []design.Design
	Results [][]*Result // by test and design
}

// RunAll runs every test under every design, several at a time.
func RunAll(ctx context.Context, tests []*litmus.Test, designs []design.Design, opts explore.Options) (*Matrix, error) {
	m := &Matrix{Tests: tests, Designs: designs, Results: make([][]*Result, len(tests))}
	opts.Workers = 1 // tests are small: many at a time, each by one
	next := make(chan int)
	errs := make([]error, runtime.GOMAXPROCS(0))
	var wait sync.WaitGroup
	for w := range errs {
		wait.Go(func() {
			for i := range next {
				row := make([]*Result, len(designs))
				for d := range designs {
					r, err := Run(ctx, tests[i], &designs[d], opts)
					if err != nil && errs[w] == nil {
						errs[w] = err
					}
					row[d] = r
				}
				m.Results[i] = row
			}
		})
	}
	for i := range tests {
		next <- i
	}
	close(next)
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("run litmus tests: %w", err)
		}
	}
	return m, nil
}

// Classes numbers the sets of outcomes that a test has, from 0, in the order
// of the designs: designs with one number cannot be told apart by it. -1 is a
// design that it is not applicable to.
func (m *Matrix) Classes(test int) []int {
	classes := make([]int, len(m.Designs))
	var sets []*Result
	for d, r := range m.Results[test] {
		if r.Inapplicable != "" {
			classes[d] = -1
			continue
		}
		i := slices.IndexFunc(sets, func(o *Result) bool { return r.sameOutcomes(o) })
		if i < 0 {
			i = len(sets)
			sets = append(sets, r)
		}
		classes[d] = i
	}
	return classes
}

// Differ lists the tests that tell two designs, by their indices, apart by
// outcomes.
func (m *Matrix) Differ(a, b int) (tests []int) {
	for i := range m.Tests {
		one, two := m.Results[i][a], m.Results[i][b]
		if one.Inapplicable == "" && two.Inapplicable == "" && !one.sameOutcomes(two) {
			tests = append(tests, i)
		}
	}
	return tests
}

func (r *Result) sameOutcomes(o *Result) bool {
	return slices.EqualFunc(r.Outcomes, o.Outcomes, func(a, b Outcome) bool { return a.Text == b.Text })
}
