package graph

import (
	"slices"
	"strings"

	"aiocheck/model/machine"
)

// Graph is a picture before its layout.
type Graph struct {
	Title    string
	Subtitle string
	Nodes    []Node
	Edges    []Edge
	Steps    []StepRow // every kind of step in the picture, in the order of the machine
	Violated []string  // properties that are, and by which steps
	Wide     bool      // many nodes: each is drawn small, without its notes
}

// Node is a state.
type Node struct {
	Name    string   // what it is called
	Notes   []string // what else is to be known of it, in small print
	Look    Look
	Details string // everything, for who points at it
}

// Look is how a node is drawn.
type Look uint8

// The looks.
const (
	Plain     Look = iota
	Begin          // where everything begins
	Waiting        // accepted, not begun
	Running        // executed
	Cancelled      // io_cancel has reached it
	Done           // its event is there
	End            // nothing more happens
	Bad            // a property is violated
)

// Edge is what leads from one state to another: one step, or several that do.
type Edge struct {
	From, To int // indices of nodes
	Labels   []Label
}

// Label is a step as it is written at an edge.
type Label struct {
	Step string // "W4a"
	Who  string // "worker"
	Lock string // that it runs under, "" if none
	Role Role
}

// Role is who takes a step, for its colour.
type Role uint8

// The roles.
const (
	Submitter Role = iota
	Worker
	Canceller
	Reaper
	Destroyer
	Kernel
	Program
)

var roleNames = [...]string{"io_submit", "worker", "io_cancel", "io_getevents", "io_destroy, exit", "interrupt, wake-up", "other calls"}
var roleColors = [...]string{"#0b57b8", "#1a7a3c", "#c8102e", "#6b4ba1", "#a85600", "#00707a", "#5d6675"}

// String is the role's name in a legend.
func (r Role) String() string { return roleNames[r] }

// Color is the role's colour.
func (r Role) Color() string { return roleColors[r] }

// StepRow describes a kind of step that is in the picture.
type StepRow struct {
	Step, Text, Lock, Source string
	Role                     Role
}

// roleOf tells the role by the family of the step (thread-aio.md 2).
func roleOf(k machine.Kind) Role {
	switch k.String()[0] {
	case 'S':
		return Submitter
	case 'W':
		return Worker
	case 'C':
		return Canceller
	case 'G', 'U':
		return Reaper
	case 'K', 'X':
		return Destroyer
	case 'D', 'P':
		return Kernel
	}
	return Program
}

// rows describes the kinds of steps that were drawn.
func rows(kinds map[machine.Kind]bool) (rows []StepRow) {
	for k := range machine.NumKinds {
		if kinds[k] {
			info := k.Info()
			rows = append(rows, StepRow{info.Name, strings.ReplaceAll(info.Text, "%r", "the request"), info.Lock, info.Source, roleOf(k)})
		}
	}
	return rows
}

// Roles are those in the picture, in a fixed order.
func (g *Graph) Roles() (roles []Role) {
	for r := range Role(len(roleNames)) {
		if slices.ContainsFunc(g.Steps, func(s StepRow) bool { return s.Role == r }) {
			roles = append(roles, r)
		}
	}
	return roles
}
