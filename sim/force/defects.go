package force

import (
	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
)

// Demonstration is a seeded bug of the model that a kernel can be told to have
// (aio_thread.defects), with a small scenario in which an order shows it.
type Demonstration struct {
	Defect   string // of the kernel
	Bug      design.Bug
	Property model.Property // that the order violates in the model
	Scenario *machine.Scenario
	// Lost says that a request is lost for good, and its guest with it.
	Lost bool
}

// Demonstrations are all of them, in the order of the defects' list.
func Demonstrations() (all []Demonstration) {
	for _, row := range demonstrations {
		d := Demonstration{Defect: row.defect, Bug: row.bug, Scenario: machine.Witness(row.bug), Lost: row.lost}
		for _, info := range design.BugTable() {
			if info.Bug == row.bug {
				d.Property = info.Property
			}
		}
		if row.scenario != nil {
			d.Scenario = row.scenario()
			d.Scenario.Name = row.bug.String()
		}
		all = append(all, d)
	}
	return all
}

var demonstrations = []struct {
	defect   string
	bug      design.Bug
	scenario func() *machine.Scenario // nil: the bug's witness
	lost     bool
}{
	{defect: "D1", bug: design.ArgsReadAgain},
	{defect: "D2", bug: design.FsNotCaptured, scenario: openAlone},
	{defect: "D10", bug: design.SharedQueue},
	{defect: "D17", bug: design.FatalOnce},
	{defect: "T1", bug: design.SignalNotFlushed},
	{defect: "T2", bug: design.FlushBeforeUnlink},
	{defect: "T4", bug: design.EarlyCancelLost},
	{defect: "T6", bug: design.QueuedCancelNoEvent, lost: true},
	{defect: "T8", bug: design.ResultFromCancel, scenario: writeAndRead},
	{defect: "T9", bug: design.PartialAsInterrupted, scenario: writeTooMuch},
	{defect: "T10", bug: design.SlotAtCancel},
	{defect: "T11", bug: design.DestroySkipsQueued},
	{defect: "T15", bug: design.EventfdNotForCancelled},
	{defect: "T18", bug: design.RestartCode, scenario: readNothing},
	{defect: "M3", bug: design.SlotAtCompletion},
	{defect: "M5", bug: design.DestroyNotWaiting},
	{defect: "M7", bug: design.DestroyWithoutWake},
	{defect: "M13", bug: design.RefusedKeepsSlot},
	{defect: "M14", bug: design.DestroyTwice},
}

// Undemonstrated says of each other defect why no order shows it.
var Undemonstrated = map[string]string{
	"D3":  "every order shows it: what is wrong is whose credentials a write has, which a scenario's outcome does not say",
	"D5":  "every order shows it: what is wrong is a limit, and these programs have those of the thread",
	"D6":  "every order shows it: a poll never ends. No seeded bug of thread-6.1 is like it",
	"D8":  "every order shows it: io_submit refuses. No seeded bug of thread-6.1 is like it",
	"D11": "no seeded bug of thread-6.1 is like it: the request ends, only later",
	"D15": "a program has an iocb for each request",
	"D16": "needs a frozen file system, which the model does not have",
	"D20": "no seeded bug of thread-6.1 is like it: a design says whose directory counts, and all of them capture it or none",
	"D26": "every order shows it: what is wrong is a flag of the file that openat opens, which the model does not have",
	"M12": "the seeded bug signals the eventfd before the request leaves the list, the kernel's defect just before the event is posted",
	"T7":  "nobody can be held between a thread's taking a request and its being recorded",
}

func calls(calls ...machine.Call) machine.Thread { return machine.Thread{Calls: calls} }

func submit(requests ...uint8) machine.Call {
	return machine.Call{Kind: machine.Submit, Requests: requests}
}

func cancel(request uint8) machine.Call {
	return machine.Call{Kind: machine.Cancel, Requests: []uint8{request}}
}

// openAlone opens a name relative to the working directory.
func openAlone() *machine.Scenario {
	return &machine.Scenario{
		Files: []machine.File{{Kind: design.Directory}}, Contexts: []machine.Context{{}},
		Requests: []machine.Request{{Opcode: model.OpenAt, NoFile: true}}, Threads: []machine.Thread{calls(submit(0))},
	}
}

// readNothing reads an empty pipe, and is cancelled at any time.
func readNothing() *machine.Scenario {
	return &machine.Scenario{
		Files: []machine.File{{Kind: design.Pipe}}, Contexts: []machine.Context{{}},
		Requests: []machine.Request{{Opcode: model.PRead, Units: 1}},
		Threads:  []machine.Thread{calls(submit(0)), calls(cancel(0))},
	}
}

// writeAndRead writes to a pipe, and is cancelled at any time; then somebody
// reads what is there.
func writeAndRead() *machine.Scenario {
	s := readNothing()
	s.Requests[0].Opcode = model.PWrite
	s.Threads[1].Calls = append(s.Threads[1].Calls, machine.Call{Kind: machine.Read, Units: 1})
	return s
}

// writeTooMuch is that with two units, of which the pipe has room for one.
func writeTooMuch() *machine.Scenario {
	s := writeAndRead()
	s.Files[0].Capacity = 1
	s.Requests[0].Units = 2
	return s
}
