package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"aiocheck/kernel/doctor"
)

type doctorCommand struct {
	Path string `help:"Directory in which to try O_DIRECT." default:"" placeholder:"DIR"`
	JSON bool   `name:"json" help:"Print one JSON object."`
}

func (d *doctorCommand) Run(s *session) error {
	dir := d.Path
	if dir == "" {
		dir = os.TempDir()
	}
	checks := doctor.Examine(s.ctx, dir)
	if d.JSON {
		if err := json.NewEncoder(s.stdout).Encode(map[string]any{"can_verify": doctor.Essential(checks), "checks": checks}); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	} else {
		for _, c := range checks {
			fmt.Fprintf(s.stdout, "%-8s %-20s %s\n", c.Status, c.Name, c.Detail)
			if c.Fix != "" {
				fmt.Fprintf(s.stdout, "%s for %s: %s\n", strings.Repeat(" ", 29), c.Needed, c.Fix)
			}
		}
	}
	if !doctor.Essential(checks) {
		return machineError(fmt.Errorf("this machine cannot run verify: see above"))
	}
	return nil
}
