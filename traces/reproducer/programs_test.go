package reproducer

import (
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// late is a read that is cancelled while it waits, and another one on the same
// thread of the kernel, which nobody cancels.
func late() *traces.Program {
	return &traces.Program{First: 1, Contexts: []traces.ContextDecl{{Slots: 4}}, Files: []traces.FileDecl{{Kind: traces.Storage}, {Kind: traces.Pipe}},
		Requests: []traces.RequestDecl{{Opcode: model.PRead, File: 1, Bytes: 64}, {Opcode: model.PRead, File: 1, Bytes: 64}, {Opcode: model.PWrite, File: 1, Bytes: 64, Plain: true}},
		Threads: [][]traces.Step{{
			{Do: traces.DoSubmit, Request: 0, Count: 1},
			{Do: traces.DoGetEvents, Min: 1, Max: 1, Timeout: 5 * time.Millisecond},
			{Do: traces.DoCancel, Request: 0},
			{Do: traces.DoGetEvents, Min: 1, Max: 1, Timeout: -1},
			{Do: traces.DoSubmit, Request: 1, Count: 1},
			{Do: traces.DoGetEvents, Min: 1, Max: 1, Timeout: 5 * time.Millisecond},
			{Do: traces.DoWrite, File: 1, Request: 2},
		}}}
}

// queued are writes for one thread of the kernel: a long one, and others that
// are cancelled before it takes them.
func queued() *traces.Program {
	const n, long = 9, 8 << 20
	p := &traces.Program{First: 1, Contexts: []traces.ContextDecl{{Slots: n}}, Files: []traces.FileDecl{{Kind: traces.Storage}}, Threads: make([][]traces.Step, 1)}
	p.Requests = append(p.Requests, traces.RequestDecl{Opcode: model.PWrite, Bytes: long})
	p.Threads[0] = append(p.Threads[0], traces.Step{Do: traces.DoSubmit, Count: n})
	for i := 1; i < n; i++ {
		p.Requests = append(p.Requests, traces.RequestDecl{Opcode: model.PWrite, Offset: long + int64(i)<<12, Bytes: 1 << 12})
		p.Threads[0] = append(p.Threads[0], traces.Step{Do: traces.DoCancel, Request: traces.RequestID(i)})
	}
	return p
}

// full are more requests than the ring has slots for, none of them reaped.
func full() *traces.Program {
	const n = 1 << 10
	p := &traces.Program{First: 1, Contexts: []traces.ContextDecl{{Slots: 4}}, Files: []traces.FileDecl{{Kind: traces.Storage}}, Threads: make([][]traces.Step, 1)}
	for i := range n {
		p.Requests = append(p.Requests, traces.RequestDecl{Opcode: model.FSync})
		p.Threads[0] = append(p.Threads[0], traces.Step{Do: traces.DoSubmit, Request: traces.RequestID(i), Count: 1})
	}
	return p
}

// empty has no requests.
func empty() *traces.Program {
	return &traces.Program{First: 1, Contexts: []traces.ContextDecl{{Slots: 1}}, Files: []traces.FileDecl{{Kind: traces.Storage}},
		Threads: [][]traces.Step{{{Do: traces.DoGetEvents, Max: 1}}}, End: traces.EndDestroy}
}

// alone is one request, and a cancel of it.
func alone() *traces.Program {
	return &traces.Program{First: 1, Contexts: []traces.ContextDecl{{Slots: 1}}, Files: []traces.FileDecl{{Kind: traces.Storage}},
		Requests: []traces.RequestDecl{{Opcode: model.FSync}},
		Threads:  [][]traces.Step{{{Do: traces.DoSubmit, Count: 1}}, {{Do: traces.DoCancel}}}}
}
