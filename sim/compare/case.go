package compare

import (
	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
)

// Case is a standard scenario: a small program that puts some properties to
// the test. All properties are checked in every case; those that it shows are
// the ones that it is there for.
type Case struct {
	Name     string
	Sentence string // what the program does
	Scenario machine.Scenario
	Shows    []model.Property
}

// Cases lists the standard cases in the order of the documents. They are small
// on purpose: a defect of a design shows with two requests and one worker, or
// hardly ever (every seeded bug is found so), and sixteen designs are to be
// compared while one waits.
func Cases() []Case {
	cases := cancelCases()
	cases = append(cases, deliveryCases()...)
	cases = append(cases, endCases()...)
	cases = append(cases, contextCases()...)
	return append(cases, crowdCases()...)
}

// CaseNamed is the standard case of that name.
func CaseNamed(name string) (Case, bool) {
	for _, c := range Cases() {
		if c.Name == name {
			return c, true
		}
	}
	return Case{}, false
}

// The words that programs are made of.

func program(file machine.File, requests []machine.Request, threads ...machine.Thread) machine.Scenario {
	return machine.Scenario{
		Files: []machine.File{file}, Contexts: []machine.Context{{}}, Workers: 1, Requests: requests, Threads: threads,
	}
}

func thread(calls ...machine.Call) machine.Thread { return machine.Thread{Calls: calls} }

func submit(requests ...uint8) machine.Call {
	return machine.Call{Kind: machine.Submit, Requests: requests}
}

func cancel(request uint8) machine.Call {
	return machine.Call{Kind: machine.Cancel, Requests: []uint8{request}}
}

// reap waits for n events.
func reap(n uint8) machine.Call { return machine.Call{Kind: machine.GetEvents, Min: n, Nr: n} }

func call(kind machine.CallKind) machine.Call { return machine.Call{Kind: kind} }

func change(request uint8) machine.Call {
	return machine.Call{Kind: machine.ChangeIocb, Requests: []uint8{request}}
}

func put(units uint8) machine.Call { return machine.Call{Kind: machine.Write, Units: units} }

func take(units uint8) machine.Call { return machine.Call{Kind: machine.Read, Units: units} }

func write(units uint8) machine.Request {
	return machine.Request{Opcode: model.PWrite, Units: units}
}

func read(units uint8) machine.Request {
	return machine.Request{Opcode: model.PRead, Units: units}
}

func on(file uint8, r machine.Request) machine.Request {
	r.File = file
	return r
}

func op(o model.Opcode) machine.Request { return machine.Request{Opcode: o} }

func list(r ...machine.Request) []machine.Request { return r }

var (
	regular   = machine.File{Kind: design.Regular}
	direct    = machine.File{Kind: design.DirectIO}
	dead      = machine.File{Kind: design.DeadDisk}
	pipe      = machine.File{Kind: design.Pipe, Capacity: 2}
	socket    = machine.File{Kind: design.Socket, Capacity: 2}
	nfs       = machine.File{Kind: design.NFS}
	fuse      = machine.File{Kind: design.FUSE}
	directory = machine.File{Kind: design.Directory}
)
