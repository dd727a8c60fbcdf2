package inclusion

import (
	"aiocheck/model/machine"
	"aiocheck/traces"
)

// automaton is which part of the judgement a transition belongs to.
type automaton uint8

const (
	ofCall    automaton = iota // a system call in progress
	ofContext                  // a context's life, its ring and its slots
	ofRequest                  // a request, from its arming on
	ofThread                   // a thread of a pool
)

// String is "call", "context", "request" or "thread".
func (a automaton) String() string { return [...]string{"call", "context", "request", "thread"}[a] }

// row says which steps of the model a transition of the kernel stands for.
type row struct {
	of    automaton
	kinds []machine.Kind
	where string // the kernel's function
	note  string // where it is not one step for one
}

// table has a row for each point that the kernel tells of. What a step of the
// model is in the kernel, and the other way round, is said here and nowhere
// else; silent has the steps of the model without a point.
var table = [traces.NumPoints]row{
	traces.AtSetup:     {ofContext, nil, "io_setup", "the model's contexts are there from the beginning"},
	traces.AtSubmit:    {ofCall, []machine.Kind{machine.S0}, "lookup_ioctx", "numbered after the search: it may have begun before K1"},
	traces.AtCancel:    {ofCall, []machine.Kind{machine.C2}, "lookup_ioctx", "taken together with what the cancel finds"},
	traces.AtGetEvents: {ofCall, []machine.Kind{machine.G1}, "lookup_ioctx", ""},
	traces.AtDestroy:   {ofCall, nil, "lookup_ioctx", "the search is part of K1"},
	traces.AtNoContext: {ofCall, []machine.Kind{machine.S9, machine.C2n, machine.G1n}, "lookup_ioctx", ""},
	traces.AtLeave:     {ofCall, []machine.Kind{machine.G3, machine.G4t}, "leave_ioctx", "the model's calls end with their last step"},

	traces.AtSlot:      {ofContext, []machine.Kind{machine.S1}, "aio_get_req", ""},
	traces.AtNoSlot:    {ofContext, []machine.Kind{machine.S1e}, "aio_get_req", "slots in the caches of other processors do not count"},
	traces.AtCopied:    {ofRequest, []machine.Kind{machine.S3}, "__io_submit_one", "nobody else knows the request: taken when it is armed"},
	traces.AtPinned:    {ofRequest, []machine.Kind{machine.S5}, "aio_thread_queue", "likewise"},
	traces.AtArmed:     {ofRequest, []machine.Kind{machine.S6q}, "aio_pool_queue", ""},
	traces.AtRefused:   {ofRequest, []machine.Kind{machine.S3e}, "io_submit_one", ""},
	traces.AtSlotsBack: {ofContext, nil, "put_reqs_available", "part of S3e, S1 and W9 in the model"},

	traces.AtStarted:  {ofRequest, []machine.Kind{machine.W1r}, "aio_worker", ""},
	traces.AtBegin:    {ofRequest, nil, "aio_thread_run", "before the first W5, W5i or W5r"},
	traces.AtReturn:   {ofRequest, []machine.Kind{machine.W5, machine.W5i, machine.W5r}, "aio_thread_run", "all of the operation's steps"},
	traces.AtUnlinked: {ofRequest, []machine.Kind{machine.W7, machine.W8}, "aio_thread_run", ""},
	traces.AtFlushed:  {ofRequest, []machine.Kind{machine.W14}, "aio_thread_flush", ""},
	traces.AtPosted: {ofRequest, []machine.Kind{machine.W9, machine.C9, machine.K8}, "aio_complete",
		"by the thread, by the submitter if he drops the last reference, by the canceller, or by a kworker"},
	traces.AtEventfd: {ofRequest, []machine.Kind{machine.W10}, "aio_complete", "part of C9 and K8"},
	traces.AtWake:    {ofRequest, []machine.Kind{machine.W12}, "aio_complete", "taken with W11: the kernel frees after it wakes, and nobody can tell"},
	traces.AtFreed:   {ofRequest, []machine.Kind{machine.W11, machine.W13}, "iocb_destroy", "part of C9 and K8"},
	traces.AtIdle:    {ofThread, []machine.Kind{machine.W15}, "aio_worker", "the request may outlive it, if the submitter posts"},

	traces.AtNotFound:     {ofCall, []machine.Kind{machine.C3n}, "io_cancel", ""},
	traces.AtFoundQueued:  {ofRequest, []machine.Kind{machine.C3, machine.C5q, machine.C7q, machine.K4q}, "aio_pool_cancel", "one critical section"},
	traces.AtFoundRunning: {ofRequest, []machine.Kind{machine.C3, machine.C5, machine.K4c}, "aio_pool_cancel", "one critical section with the signal"},
	traces.AtSignal:       {ofRequest, []machine.Kind{machine.C6l, machine.C7, machine.K4s}, "aio_pool_cancel", ""},
	traces.AtEndEarly:     {ofRequest, nil, "aio_thread_end_cancelled", "the beginning of C9 or K8"},

	traces.AtReaped: {ofContext, []machine.Kind{machine.G2, machine.G2h, machine.G4w}, "aio_read_events_ring", "one critical section; a second look follows a wake-up"},

	traces.AtDead:        {ofContext, []machine.Kind{machine.K1}, "kill_ioctx", ""},
	traces.AtDeadAlready: {ofContext, []machine.Kind{machine.K1n}, "kill_ioctx", ""},
	traces.AtWakeAll:     {ofContext, []machine.Kind{machine.K2}, "kill_ioctx", ""},
	traces.AtUsersKilled: {ofContext, []machine.Kind{machine.K3}, "kill_ioctx", ""},
	traces.AtKill:        {ofContext, []machine.Kind{machine.K4}, "free_ioctx_users", ""},
	traces.AtKilled:      {ofContext, []machine.Kind{machine.K5}, "free_ioctx_users", ""},
	traces.AtDrained:     {ofContext, []machine.Kind{machine.K6}, "free_ioctx_reqs", ""},
	traces.AtWaited:      {ofContext, []machine.Kind{machine.K7}, "io_destroy", ""},
	traces.AtExit:        {ofCall, []machine.Kind{machine.X0}, "exit_aio", ""},
	traces.AtExited:      {ofCall, []machine.Kind{machine.X2}, "exit_aio", "and K7 of all contexts of the process"},

	traces.AtThreadNew: {ofThread, nil, "aio_pool_queue", "the model's workers are there from the beginning"},
	traces.AtThreadEnd: {ofThread, nil, "aio_worker", "likewise"},
}

// silent are the steps of the design that the kernel does not tell of, with
// the reason.
var silent = map[machine.Kind]string{
	machine.U1:  "a look at the mapped ring, in user space",
	machine.U1n: "a look at the mapped ring, in user space",
	machine.U2:  "user space moves head",
	machine.A1:  "user space overwrites its iocb",
	machine.A2:  "chdir and the like: what the request has captured does not change",
	machine.F1:  "close: seen by what operations return",
	machine.F2:  "a write by others: seen by what operations return",
	machine.F3:  "a read by others: seen by what operations return",
	machine.SIr: "the end of what io_submit refuses without a slot's request: an fsync of a stream, refused with S3e",
}

// source is the file of the patched kernel that a function of the table is in.
func source(function string) string {
	switch function {
	case "aio_worker", "aio_pool_queue", "aio_pool_cancel":
		return "fs/aio_thread.c"
	}
	return "fs/aio.c"
}
