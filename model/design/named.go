package design

import (
	"fmt"
	"slices"

	"aiocheck/model"
)

// The sources that several designs share.
var (
	series    = Source{"patches 01 to 13 of 11 January 2016, thread-aio.md 1 and 2", Certain}
	row       = Source{"thread-aio.md 6.8", Certain}
	tree61    = Source{"Linux 6.1.192: fs/aio.c, include/linux/aio.h; thread-aio.md 2.9", Certain}
	names     = OpcodeSet(model.OpenAt, model.UnlinkAt, model.RenameAt)
	ringAnswr = AnswerSet(AnswerInProgress, AnswerInvalid)
)

// inProcess is the context of threads that belong to the submitter's process:
// everything is shared, and so live.
var inProcess = TaskContext{Cred: all, Fs: all, Files: all, Limits: all, Shared: all}

// Thread201601 is thread-based AIO as posted on 11 January 2016.
func Thread201601() Design {
	return Design{
		Name: "thread-2016-01", Title: "thread-based AIO, 11 January 2016", Sources: []Source{series, row},
		Transfer: Pool, Stream: Pool, Direct: Pool, Sync: Pool, Poll: Pool, Names: Pool,
		ExecArguments: OpcodeSet(model.OpenAt, model.UnlinkAt),
		Task: TaskContext{
			Cred: names, Files: names, Fs: OpcodeSet(model.RenameAt), Shared: OpcodeSet(model.RenameAt),
			Limits: OpcodeSet(model.PWrite, model.PWriteV), // RLIMIT_NOFILE is the worker's (D5)
		},
		Queued: QueuedMark, Running: RunningFatal, Answers: ringAnswr, Flush: true, Identity: ByAddress,
		PollIgnoresMask: true, SpuriousFget: true,
	}
}

// Thread201601Table is the design with the dispatch table of 12 January 2016.
func Thread201601Table() Design {
	d := Thread201601()
	d.Name, d.Title = "thread-2016-01-table", "thread-based AIO with the dispatch table of 12 January 2016"
	d.Sources = []Source{series, {"the dispatch table of 12 January 2016, thread-aio.md 1.4", Certain}}
	d.PollIgnoresMask, d.SpuriousFget = false, false
	d.ErrorsFromSubmit = true
	return d
}

// Thread201603 is the design with the in-submit openat of 14 March 2016.
func Thread201603() Design {
	d := Thread201601Table()
	d.Name, d.Title = "thread-2016-03", "thread-based AIO with the in-submit openat of 14 March 2016"
	d.Sources = append(d.Sources, Source{"the in-submit openat of 14 March 2016, thread-aio.md 1.4 and D19", Certain})
	d.ExecArguments = OpcodeSet(model.UnlinkAt)
	d.AttemptOpen = true
	d.Task.Limits = all
	d.RestoreLate = true
	return d
}

// Thread61 is the corrected design for Linux 6.1, the one that
// kernel/patches/linux-6.1 builds.
//
// It uses kernel threads that belong to the context. On kworkers a fatal
// signal is heard once (the group-exit flag stays, thread-aio.md 4.1), and a
// pool shared with the rest of the kernel is exhausted by readers of empty
// pipes (D10, D11). Threads of the submitter's process, as io_uring has them,
// would hold its mm_users, so that exit_aio never ran, and share its limits
// and directory as they change. So each request's credentials, limits,
// fs_struct, files and address space are captured by io_submit and taken on
// (D2 to D5). A running request is cancelled by a SIGKILL in the thread's own
// pending set, which the thread clears once its request can no longer be
// found: a notify signal does not end killable waits.
//
// The contract keeps the ring and the answers of the posted series, because
// libaio's callers know them: a cancel that finds its request answers
// -EINPROGRESS, and exactly one event follows; one that does not answers
// -EINVAL; a request cancelled before a worker took it has no effect, and its
// event, -EINTR, is in the ring when io_cancel answers, so that it never waits
// for a worker (D11). Requests that wait for others (streams, polls, opens, which
// may be of FIFOs) share a pool that grows, so that none waits for a thread;
// everything else shares a bounded one. A READAHEAD looks for a cancel before
// each page, and counts what it has covered (D23). All arguments are read by
// io_submit. The file and the freeze protection are held until the end. A
// cancel matches the iocb's address and its data, as io_cancel reads it, so
// that a reused address does not reach the new request.
func Thread61() Design {
	return Design{
		Name: "thread-6.1", Title: "thread-based AIO corrected for Linux 6.1",
		Sources:  []Source{{"thread-aio.md 4 and 4.1 for what had to change; io_uring/io-wq.c of Linux 6.1 for the threads and the notify signal", Certain}, {"the contract: our choice", Conjecture}},
		Transfer: Pool, Stream: Growing, Direct: Pool, Sync: Pool, Poll: Growing, Names: Pool, Open: Growing,
		ReadAhead: Pieces, Task: TaskContext{Cred: all, Fs: all, Files: all, Limits: all, Shared: 0},
		Queued: QueuedEnd, Running: RunningNotify, Answers: ringAnswr, Flush: true, FlushFirst: true, Identity: ByNumber,
		List: List{TailInsert: true, UnlinkOnCancel: true, UnlockedCheck: true}, HoldUntilEnd: true, ErrorsFromSubmit: true,
	}
}

// Mainline44 is Linux 4.4 without threads.
func Mainline44() Design {
	return Design{
		Name: "mainline-4.4", Title: "Linux 4.4", Sources: []Source{{"fs/aio.c of a late 4.4.y tree; thread-aio.md 2.9, 6.1", Certain}},
		Transfer: Inline, Stream: Inline, Direct: Device, Task: inProcess, Answers: ringAnswr,
	}
}

// Mainline61 is Linux 6.1 without threads.
func Mainline61() Design {
	return Design{
		Name: "mainline-6.1", Title: "Linux 6.1", Sources: []Source{tree61},
		Transfer: Inline, Stream: Inline, Direct: Device, Sync: Pool, Poll: WaitQueue, Task: inProcess, Answers: ringAnswr,
		List: List{TailInsert: true, UnlinkOnCancel: true}, HoldUntilEnd: true, ErrorsFromSubmit: true, CancelPollOnly: true,
	}
}

// PosixGlibc is glibc's POSIX AIO, in user space.
func PosixGlibc() Design {
	return Design{
		Name: "posix-glibc", Title: "glibc POSIX AIO", Sources: []Source{{"glibc sysdeps/pthread/aio_cancel.c, aio_misc.c; thread-aio.md 6.2", Certain}},
		Transfer: PerFile, Stream: PerFile, Direct: PerFile, Sync: PerFile, ExecArguments: all, Task: inProcess,
		Queued: QueuedRemove, Answers: AnswerSet(AnswerZero, AnswerNotCanceled, AnswerAllDone), Identity: ByAddress,
		Completion: StatusWord, Order: OrderFile, Exit: ExitKill, HoldUntilEnd: true, SyncFollowsWrites: true,
	}
}

// handoff is what the stack-switching proposals of 2007 share.
func handoff(name, title string, c Completion, sources ...Source) Design {
	return Design{
		Name: name, Title: title, Sources: append(sources, row),
		Transfer: Handoff, Stream: Handoff, Direct: Handoff, Sync: Handoff, Poll: Handoff, Names: Handoff, Task: inProcess,
		Completion: c, Exit: ExitKill, HoldUntilEnd: true,
	}
}

// Fibrils are stacks of one task, switched when one blocks (Brown, 2007).
func Fibrils() Design {
	d := handoff("fibrils", "fibrils, January 2007", Collected, Source{"thread 'Generic AIO by scheduling stacks', patch 4; thread-aio.md 6.3", Certain}, Source{"exit", Conjecture})
	d.HotCompletion = true
	return d
}

// Syslets are chains of atoms in user memory (Molnar, 2007).
func Syslets() Design {
	d := handoff("syslets", "syslets v1 to v6, 2007", UnreservedRing, Source{"the header of v2 to v3; thread-aio.md 6.4", Certain})
	d.ExecArguments, d.Order = all, OrderChain
	return d
}

// SysletsIndirect are syslets as one indirect system call (Brown, late 2007).
func SysletsIndirect() Design {
	return handoff("syslets-indirect", "syslets v7, one indirect call", UnreservedRing, Source{"kernel/syslet.c of v7; thread-aio.md 6.4", Certain}, Source{"number and date", Conjecture})
}

// Threadlets are user functions that become threads when they block.
func Threadlets() Design {
	d := handoff("threadlets", "threadlets, 2007", FutexWord, Source{"threadlets v3; thread-aio.md 6.4", Certain})
	d.ExecArguments = all // ordinary code: it reads memory when it runs
	return d
}

// Acall is a kernel thread for each system call (Brown, 2008).
func Acall() Design {
	return Design{
		Name: "acall", Title: "acall, a thread per call", Sources: []Source{{"acall's header and kernel source, two versions; thread-aio.md 6.5", Certain}, {"threads outlive the submitter", Probable}},
		Transfer: PerRequest, Stream: PerRequest, Direct: PerRequest, Sync: PerRequest, Poll: PerRequest, Names: PerRequest,
		Task: TaskContext{Cred: all, Fs: all, Files: all, Limits: all, Shared: all}, Running: RunningFatal,
		Answers: AnswerSet(AnswerZero, AnswerAgain), Identity: ByNumber, Completion: UnreservedRing, Exit: ExitDetach, HoldUntilEnd: true,
	}
}

// AcallPool is acall with its pool of lingering threads.
func AcallPool() Design {
	d := Acall()
	d.Name, d.Title = "acall-pool", "acall with a thread pool"
	d.Transfer, d.Stream, d.Direct, d.Sync, d.Poll, d.Names = Growing, Growing, Growing, Growing, Growing, Growing
	d.Task.Stale = true
	return d
}

// AsyncSyscall2016 is the generic asynchronous system call proposed in 2016.
func AsyncSyscall2016() Design {
	return Design{
		Name: "async-syscall-2016", Title: "generic asynchronous system call, proposed 2016", Sources: []Source{{"Torvalds, 11 January 2016; thread-aio.md 5, 6.6", Certain}, {"cancellation and exit: nothing was said, modelled as none and kill", Conjecture}},
		Transfer: PerRequest, Stream: PerRequest, Direct: PerRequest, Sync: PerRequest, Poll: PerRequest, Names: PerRequest,
		Task: TaskContext{Cred: all, Fs: all, Files: all, Limits: all}, Completion: FutexWord, Order: OrderChain, Exit: ExitKill, HoldUntilEnd: true,
	}
}

// AsyncSyscall2007 is the asynchronous system call of 2007.
func AsyncSyscall2007() Design {
	d := handoff("async-syscall-2007", "asynchronous system call, 2007", Collected, Source{"not seen; thread-aio.md 6.6", Conjecture})
	return d
}

// IoUring is io_uring as an asynchronous executor of the same operations.
func IoUring() Design {
	return Design{
		Name: "io_uring", Title: "io_uring, Linux 6.1", Sources: []Source{{"Linux 6.1.192: io_uring/{cancel,io-wq,io_uring,poll}.c; thread-aio.md 6.7", Certain}},
		Transfer: AttemptPool, Stream: AttemptPool, Direct: Device, Sync: Pool, Poll: WaitQueue, Names: AttemptPool,
		Task: TaskContext{Cred: all, Fs: all, Files: all, Limits: all, Shared: all}, Queued: QueuedRemove, Running: RunningNotify,
		Answers: AnswerSet(AnswerZero, AnswerAlready, AnswerNotFound), Flush: true, Identity: ByNumber, Completion: OverflowRing, HoldUntilEnd: true,
	}
}

// All lists the named designs in the order of the documents.
func All() []Design {
	return []Design{
		Thread201601(), Thread201601Table(), Thread201603(), Thread61(), Mainline44(), Mainline61(), PosixGlibc(), Fibrils(), Syslets(),
		SysletsIndirect(), Threadlets(), Acall(), AcallPool(), AsyncSyscall2016(), AsyncSyscall2007(), IoUring(),
	}
}

// Named is the design of that name.
func Named(name string) (Design, error) {
	designs := All()
	i := slices.IndexFunc(designs, func(d Design) bool { return d.Name == name })
	if i < 0 {
		return Design{}, fmt.Errorf("no design is named %q", name)
	}
	return designs[i], nil
}
