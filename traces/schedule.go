package traces

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"aiocheck/model/machine"
)

// Schedule is an order of steps to take: a path of the machine of a scenario
// under a design. docs/schedule.md describes its file.
type Schedule struct {
	Design   string   // name of the design
	Bugs     []string // names of the seeded bugs that it has
	Scenario machine.Scenario
	// Violates names the property that is violated after the steps, "" if the
	// schedule shows none; How says in which way.
	Violates string
	How      string // "state", "deadlock" or "cycle"
	Steps    []ScheduleStep
	// Cycle is what can be repeated for ever after Steps.
	Cycle []ScheduleStep
}

// ScheduleStep is one step of a schedule.
type ScheduleStep struct {
	Kind    machine.Kind
	Actor   Actor
	Request uint8  // that it concerns: an index into Scenario.Requests, or 0
	Choice  uint8  // which of the alternatives, if Kind, Actor and Request leave several
	Comment string // what happens, for people; one line
}

// Actor is who takes a step.
type Actor struct {
	Role   Role
	Number uint8 // among those of the same role, from 0
}

// Role is what an actor is.
type Role uint8

// The roles.
const (
	RoleThread  Role = iota // a thread of the scenario
	RoleWorker              // an executing thread of the kernel
	RoleContext             // the teardown of a context
	RoleDevice              // devices and wait queues
)

var roleNames = [...]string{"thread", "worker", "context", "device"}

// String is "thread", "worker", "context" or "device".
func (r Role) String() string { return roleNames[r] }

// String is the actor as in a schedule file: "worker1".
func (a Actor) String() string { return fmt.Sprintf("%s%d", a.Role, a.Number) }

const scheduleHead = "aiocheck schedule 1"

// WriteSchedule writes a schedule as text.
func WriteSchedule(w io.Writer, s *Schedule) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n", scheduleHead)
	fmt.Fprintf(&b, "design %s\n", s.Design)
	for _, bug := range s.Bugs {
		fmt.Fprintf(&b, "bug %s\n", bug)
	}
	if s.Violates != "" {
		fmt.Fprintf(&b, "violates %s %s\n", s.Violates, s.How)
	}
	b.WriteString("scenario ")
	if err := WriteScenario(&b, &s.Scenario); err != nil {
		return err
	}
	if len(s.Steps) > 0 {
		b.WriteString("steps\n")
		writeSteps(&b, s.Steps)
	}
	if len(s.Cycle) > 0 {
		b.WriteString("cycle\n")
		writeSteps(&b, s.Cycle)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write schedule: %w", err)
	}
	return nil
}

func writeSteps(b *bytes.Buffer, steps []ScheduleStep) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, s := range steps {
		choice := ""
		if s.Choice != 0 {
			choice = fmt.Sprintf(" choice%d", s.Choice)
		}
		comment := ""
		if s.Comment != "" {
			comment = "\t# " + strings.ReplaceAll(s.Comment, "\n", " ")
		}
		fmt.Fprintf(t, "  %s\t%s\trequest%d%s%s\n", s.Kind, s.Actor, s.Request, choice, comment)
	}
	t.Flush() // into memory
}
