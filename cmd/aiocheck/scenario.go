package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"aiocheck/model/machine"
	"aiocheck/sim/compare"
	runner "aiocheck/sim/litmus"
	"aiocheck/traces"
	"aiocheck/traces/litmus"
)

// namedScenario is the standard case of that name, or the scenario in the file:
// a litmus test's, or in JSON.
func namedScenario(name string) (*machine.Scenario, error) {
	if found, ok := compare.CaseNamed(name); ok {
		found.Scenario.Name = name
		return &found.Scenario, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		var names []string
		for _, c := range compare.Cases() {
			names = append(names, c.Name)
		}
		return nil, fmt.Errorf("read scenario: %w; and no standard case is called %q: there are %s", err, name, strings.Join(names, ", "))
	}
	if filepath.Ext(name) == ".litmus" {
		test, err := litmus.Parse(name, data)
		if err != nil {
			return nil, err
		}
		return runner.Scenario(test)
	}
	s, err := traces.ParseScenario(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}
