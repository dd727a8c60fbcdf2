package checker

import (
	"slices"
	"strings"
	"testing"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// script writes a small history by hand: one round with the context 0 of
// script.slots slots, the O_DIRECT storage as file 0, a pipe, an eventfd that
// is polled and an eventfd that completions signal. Calls are given their
// times; those of a thread come in order.
type script struct {
	logs    []traces.Log // by thread
	control traces.Log
	end     traces.End
	next    traces.RequestID
}

const (
	onStorage = uint16(iota)
	onPipe
	onEventfd
	completions
	testRun  = 9
	testRing = 9 // nr in the ring's header: room for 8 events
)

func newScript(end traces.End) *script {
	s := &script{end: end, next: 1}
	s.control = traces.Log{
		traces.RoundRecord(traces.Controller, 0, 1, end),
		traces.FileRecord(onStorage, traces.Storage, traces.FileDirect, 1<<20),
		traces.FileRecord(onPipe, traces.Pipe, 0, 0),
		traces.FileRecord(onEventfd, traces.Eventfd, traces.FileNonblock, 0),
		traces.FileRecord(completions, traces.Eventfd, traces.FileNonblock, 0),
		traces.ContextRecord(0, 4), traces.ContextRecord(1, 4),
	}
	for c := range uint32(2) {
		s.invoke(0, c, traces.CallSetup, 0, 0, 0, 0, 4, 0, 0, testRing)
	}
	return s
}

// invoke records a whole call; a negative to leaves it without return.
func (s *script) invoke(thread uint16, context uint32, kind traces.CallKind, id traces.RequestID, file uint16, from, to traces.Time, x, y, z int64, extra2 uint64) {
	for int(thread) >= len(s.logs) {
		s.logs = append(s.logs, traces.Log{traces.RoundRecord(uint16(len(s.logs)), 0, 1, s.end)})
	}
	s.logs[thread].Record(traces.InvokeRecord(thread, context, kind, id, file, from, x, y, z))
	if kind == traces.CallSetup {
		s.logs[thread].Record(traces.ReturnRecord(thread, to, 0, 0, extra2))
	}
}

func (s *script) returns(thread uint16, at traces.Time, ret model.Result, x, y uint64) {
	if at >= 0 {
		s.logs[thread].Record(traces.ReturnRecord(thread, at, ret, x, y))
	}
}

// iocb is what a request asks for.
type iocb struct {
	op     model.Opcode
	file   uint16
	offset int64
	bytes  uint32
	signal bool
}

var (
	pread     = iocb{model.PRead, onStorage, 0, 512, false}
	poll      = iocb{model.Poll, onPipe, 1, 0, false}
	pollOut   = iocb{model.Poll, onPipe, 4, 0, false}
	fsync     = iocb{model.FSync, onStorage, 0, 0, false}
	pipeRead  = iocb{model.PRead, onPipe, 0, 64, false}
	signalled = iocb{model.PRead, onStorage, 0, 512, true}
)

func (s *script) submit(thread uint16, from, to traces.Time, ret model.Result, iocbs ...iocb) traces.RequestID {
	first := s.next
	for int(thread) >= len(s.logs) {
		s.logs = append(s.logs, traces.Log{traces.RoundRecord(uint16(len(s.logs)), 0, 1, s.end)})
	}
	for _, q := range iocbs {
		eventfd := uint16(0)
		if q.signal {
			eventfd = completions + 1
		}
		s.logs[thread].Record(traces.RequestRecord(thread, 0, s.next, q.op, q.file, eventfd, q.offset, q.bytes, 0, dataOf(s.next), objOf(s.next)))
		s.next++
	}
	s.invoke(thread, 0, traces.CallSubmit, 0, 0, from, to, int64(len(iocbs)), 0, 0, 0)
	s.returns(thread, to, ret, 0, 0)
	return first
}

func dataOf(id traces.RequestID) uint64 { return testRun<<32 | uint64(id) }
func objOf(id traces.RequestID) uint64  { return 0x1000 + 64*uint64(id) }

func (s *script) cancel(thread uint16, from, to traces.Time, id traces.RequestID, answer model.Result) {
	s.invoke(thread, 0, traces.CallCancel, id, 0, from, to, 0, 0, 0, 0)
	s.returns(thread, to, answer, 0, 0)
}

// reaped is an event to be reaped.
type reaped struct {
	id  traces.RequestID
	res model.Result
}

func (s *script) events(thread uint16, list []reaped) {
	for _, e := range list {
		s.logs[thread].Record(traces.EventRecord(thread, dataOf(e.id), objOf(e.id), e.res, 0))
	}
}

func (s *script) get(thread uint16, from, to traces.Time, least, most int64, timeout time.Duration, list ...reaped) {
	s.getRet(thread, from, to, least, most, timeout, model.Result(len(list)), list...)
}

func (s *script) getRet(thread uint16, from, to traces.Time, least, most int64, timeout time.Duration, ret model.Result, list ...reaped) {
	s.invoke(thread, 0, traces.CallGetEvents, 0, 0, from, to, least, most, int64(timeout), 0)
	s.returns(thread, to, ret, 0, 0)
	s.events(thread, list)
}

func (s *script) ring(thread uint16, from, to traces.Time, most int64, head, tail uint64, list ...reaped) {
	s.invoke(thread, 0, traces.CallReapRing, 0, 0, from, to, 0, most, 0, 0)
	s.returns(thread, to, model.Result(len(list)), head, tail)
	s.events(thread, list)
}

func (s *script) destroy(thread uint16, from, to traces.Time, ret model.Result) {
	s.invoke(thread, 0, traces.CallDestroy, 0, 0, from, to, 0, 0, 0, 0)
	s.returns(thread, to, ret, 0, 0)
}

func (s *script) file(thread uint16, kind traces.CallKind, file uint16, from, to traces.Time, x int64, ret model.Result, value uint64) {
	s.invoke(thread, 0, kind, 0, file, from, to, x, -1, 0, 0)
	s.returns(thread, to, ret, value, 0)
}

// closing is the end of a round that is drained: a wait in vain, a look, destroy.
func (s *script) closing(from traces.Time) {
	s.get(0, from, from+100, 1, 64, 100)
	s.get(0, from+101, from+102, 0, 64, 0)
	s.destroy(0, from+103, from+104, 0)
}

func (s *script) judge(t testing.TB, c model.Contract) []Verdict {
	t.Helper()
	h, err := traces.FromLogs(traces.Header{Run: testRun, Contract: c}, append(slices.Clone(s.logs), s.control)...)
	if err != nil {
		t.Fatal(err)
	}
	return judgeContext(h, newBudget(Limits{}))
}

// violatedNames lists the properties that do not hold.
func violatedNames(vs []Verdict) string {
	var names []string
	for _, v := range vs {
		if v.Outcome == Violated {
			names = append(names, v.Property.Name)
		}
	}
	return strings.Join(names, " ")
}

// Each row is a history of a few calls and what is wrong with it; nothing if
// want is empty.
func TestContextHistories(t *testing.T) {
	drain, destroy, kill := traces.EndDrain, traces.EndDestroy, traces.EndKill
	for _, row := range []struct {
		name, want string
		end        traces.End
		script     func(s *script)
	}{
		{"one read", "", drain, func(s *script) {
			s.submit(0, 10, 20, 1, pread)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 512})
			s.closing(50)
		}},
		{"event before io_submit returned", "", drain, func(s *script) {
			s.submit(0, 10, 90, 2, pread, pread)
			s.get(1, 20, 40, 1, 1, -1, reaped{1, 512})
			s.get(1, 91, 95, 1, 1, -1, reaped{2, 0})
			s.closing(100)
		}},
		{"no event", "one-event request-ends", drain, func(s *script) {
			s.submit(0, 10, 20, 1, pread)
			s.closing(50)
		}},
		{"no event, but nobody waited for it", "", destroy, func(s *script) {
			s.submit(0, 10, 20, 1, pread)
			s.get(0, 21, 22, 0, 4, 0)
			s.destroy(0, 103, 104, 0)
		}},
		{"no event after a kill", "", kill, func(s *script) {
			s.submit(0, 10, 20, 1, pread)
			s.get(0, 21, 22, 0, 4, 0)
			s.get(1, 30, -1, 1, 4, -1)
			s.control.Record(traces.ExitRecord(kill, 80, 90))
		}},
		{"poll that nothing ends", "", drain, func(s *script) {
			s.submit(0, 10, 20, 1, poll)
			s.closing(50)
		}},
		{"poll of a closed pipe that does not end", "one-event request-ends", drain, func(s *script) {
			s.submit(0, 10, 20, 1, poll)
			s.file(1, traces.CallClose, onPipe, 21, 22, 1, 0, 0)
			s.closing(50)
		}},
		{"inline read without event, no drain", "one-event", destroy, func(s *script) {
			s.file(1, traces.CallWrite, onPipe, 1, 2, 64, 64, 0)
			s.submit(0, 10, 20, 1, pipeRead)
			s.get(0, 21, 22, 0, 4, 0)
			s.destroy(0, 103, 104, 0)
		}},
		{"two events", "one-event", drain, func(s *script) {
			s.submit(0, 10, 20, 1, pread)
			s.get(0, 30, 40, 1, 2, -1, reaped{1, 512}, reaped{1, 512})
			s.closing(50)
		}},
		{"event of a refused request", "no-event-for-rejected", drain, func(s *script) {
			s.submit(0, 10, 20, 1, pread, pread)
			s.get(0, 30, 40, 1, 2, -1, reaped{1, 512}, reaped{2, 512})
			s.closing(50)
		}},
		{"event before its submission", "event-after-submit", drain, func(s *script) {
			s.next = 1
			s.get(1, 2, 5, 0, 2, 0, reaped{1, 512})
			s.submit(0, 10, 20, 1, pread)
			s.closing(50)
		}},
		{"another iocb's address", "event-identity", drain, func(s *script) {
			s.submit(0, 10, 20, 1, pread)
			s.getRet(0, 30, 40, 1, 1, -1, 1)
			s.logs[0].Record(traces.EventRecord(0, dataOf(1), objOf(7), 512, 0))
			s.closing(50)
		}},
		{"too many bytes", "legal-result", drain, func(s *script) {
			s.submit(0, 10, 20, 1, pread)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 576})
			s.closing(50)
		}},
		{"restart code", "legal-result", drain, func(s *script) {
			s.submit(0, 10, 20, 1, pread)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, -512})
			s.closing(50)
		}},
		{"sync that counts bytes", "legal-result", drain, func(s *script) {
			s.submit(0, 10, 20, 1, fsync)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 1})
			s.closing(50)
		}},
		{"poll with the wake-up's whole mask", "", drain, func(s *script) {
			s.submit(0, 10, 20, 1, poll)
			s.file(1, traces.CallWrite, onPipe, 25, 35, 64, 64, 0)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 0x41})
			s.closing(50)
		}},
		{"poll of what nobody wrote", "legal-result", drain, func(s *script) {
			s.submit(0, 10, 20, 1, poll)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 1})
			s.file(1, traces.CallWrite, onPipe, 41, 42, 64, 64, 0)
			s.closing(50)
		}},
		{"poll for output is ready at once", "", drain, func(s *script) {
			s.submit(0, 10, 20, 1, pollOut)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 0x104})
			s.closing(50)
		}},
		{"poll ends with 0 uncancelled", "legal-result", drain, func(s *script) {
			s.submit(0, 10, 20, 1, pollOut)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 0})
			s.closing(50)
		}},
		{"cancelled poll", "", drain, func(s *script) {
			s.submit(0, 10, 20, 1, poll)
			s.cancel(1, 21, 25, 1, einprogress)
			s.cancel(1, 26, 28, 1, einval)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 0})
			s.cancel(1, 41, 42, 1, einval)
			s.closing(50)
		}},
		{"cancelled poll without event", "one-event cancelled-ends request-ends", drain, func(s *script) {
			s.submit(0, 10, 20, 1, poll)
			s.cancel(1, 21, 25, 1, einprogress)
			s.closing(50)
		}},
		{"cancelled poll with an error", "cancelled-ends", drain, func(s *script) {
			s.submit(0, 10, 20, 1, poll)
			s.cancel(1, 21, 25, 1, einprogress)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, model.Fail(model.EINTR)})
			s.closing(50)
		}},
		{"cancel while io_submit runs", "", drain, func(s *script) {
			s.submit(0, 10, 20, 1, poll)
			s.cancel(1, 12, 14, 1, einval)
			s.get(1, 15, 16, 0, 4, 0)
			s.cancel(1, 17, 25, 1, einprogress)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 0})
			s.closing(50)
		}},
		{"cancel of a waiting poll is refused", "cancel-answer", drain, func(s *script) {
			s.submit(0, 10, 20, 1, poll)
			s.cancel(1, 22, 24, 1, einval)
			s.file(1, traces.CallWrite, onPipe, 25, 35, 64, 64, 0)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 1})
			s.closing(50)
		}},
		{"EINVAL, and the event not there", "cancel-answer", drain, func(s *script) {
			s.submit(0, 10, 20, 1, poll)
			s.file(1, traces.CallWrite, onPipe, 21, 22, 64, 64, 0)
			s.cancel(1, 23, 24, 1, einval)
			s.get(1, 25, 26, 0, 4, 0)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 1})
			s.closing(50)
		}},
		{"EINVAL, and another call takes the event", "", drain, func(s *script) {
			s.submit(0, 10, 20, 1, poll)
			s.file(1, traces.CallWrite, onPipe, 21, 22, 64, 64, 0)
			s.cancel(1, 23, 24, 1, einval)
			s.get(0, 24, 40, 1, 1, -1, reaped{1, 1})
			s.get(1, 25, 26, 0, 4, 0)
			s.closing(50)
		}},
		{"cancel of a read", "cancel-answer", drain, func(s *script) {
			s.submit(0, 10, 20, 1, pread)
			s.cancel(1, 23, 24, 1, einprogress)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 512})
			s.closing(50)
		}},
		{"cancel twice", "cancel-answer", drain, func(s *script) {
			s.submit(0, 10, 20, 1, poll)
			s.cancel(1, 23, 28, 1, einprogress)
			s.cancel(0, 23, 28, 1, einprogress)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 0})
			s.closing(50)
		}},
		{"cancel of a request never submitted", "cancel-answer", drain, func(s *script) {
			s.cancel(0, 23, 28, 1, einprogress)
			s.cancel(0, 29, 30, 1, einval)
			s.closing(50)
		}},
		{"cancel says 0", "cancel-answer", drain, func(s *script) {
			s.submit(0, 10, 20, 1, poll)
			s.cancel(1, 23, 28, 1, 0)
			s.file(1, traces.CallClose, onPipe, 29, 30, 1, 0, 0)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 0x10})
			s.closing(50)
		}},
		{"more accepted than given", "submit-count", drain, func(s *script) {
			s.submit(0, 10, 20, 2, pread)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 512})
			s.closing(50)
		}},
		{"nothing accepted, no error", "submit-count", drain, func(s *script) {
			s.submit(0, 10, 20, 0, pread)
			s.submit(0, 21, 22, 0)
			s.closing(50)
		}},
		{"too few events", "event-count", drain, func(s *script) {
			s.submit(0, 10, 20, 1, pread)
			s.get(0, 30, 40, 2, 2, -1, reaped{1, 512})
			s.closing(50)
		}},
		{"too many events", "event-count", drain, func(s *script) {
			s.submit(0, 10, 20, 2, pread, pread)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 512}, reaped{2, 512})
			s.closing(50)
		}},
		{"min above max", "event-count", drain, func(s *script) {
			s.getRet(0, 30, 40, 2, 1, -1, einval)
			s.getRet(0, 41, 42, 2, 1, -1, 0)
			s.closing(50)
		}},
		{"interrupted", "", drain, func(s *script) {
			s.getRet(0, 30, 40, 2, 3, -1, model.Fail(model.EINTR))
			s.closing(50)
		}},
		{"timeout not waited for", "event-count timeouts", drain, func(s *script) {
			s.get(0, 30, 60, 1, 4, 40)
			s.closing(100)
		}},
		{"timeout ignored", "timeouts", drain, func(s *script) {
			s.get(0, 30, 5_000_000, 1, 4, 40)
			s.closing(5_000_001)
		}},
		{"EAGAIN with slots free", "slots-conserved", drain, func(s *script) {
			s.submit(0, 10, 20, 3, pread, pread, pread)
			s.submit(0, 21, 22, model.Fail(model.EAGAIN), pread)
			s.get(0, 30, 40, 3, 3, -1, reaped{1, 512}, reaped{2, 512}, reaped{3, 512})
			s.closing(50)
		}},
		{"EAGAIN beside another submission", "", drain, func(s *script) {
			s.submit(0, 10, 20, 3, pread, pread, pread)
			s.submit(0, 21, 22, model.Fail(model.EAGAIN), pread)
			s.submit(1, 15, 21, 1, pread)
			s.get(0, 30, 40, 4, 4, -1, reaped{1, 512}, reaped{2, 512}, reaped{3, 512}, reaped{5, 512})
			s.closing(50)
		}},
		{"more than the ring holds", "ring-never-overflows", drain, func(s *script) {
			s.submit(0, 10, 20, 8, pread, pread, pread, pread, pread, pread, pread, pread)
			s.submit(0, 21, 22, 1, pread)
			var all []reaped
			for id := range traces.RequestID(9) {
				all = append(all, reaped{id + 1, 512})
			}
			s.get(0, 30, 40, 9, 9, -1, all...)
			s.closing(50)
		}},
		{"events out of order in a batch", "ring-order", drain, func(s *script) {
			s.file(1, traces.CallWrite, onPipe, 1, 2, 640, 640, 0)
			s.submit(0, 10, 20, 2, pipeRead, pipeRead)
			s.get(0, 30, 40, 2, 2, -1, reaped{2, 64}, reaped{1, 64})
			s.closing(50)
		}},
		{"events out of order between calls", "ring-order", drain, func(s *script) {
			s.file(1, traces.CallWrite, onPipe, 1, 2, 640, 640, 0)
			s.submit(0, 10, 20, 1, pipeRead)
			s.submit(1, 21, 22, 1, pipeRead)
			s.get(0, 30, 31, 1, 1, -1, reaped{2, 64})
			s.get(0, 32, 40, 1, 1, -1, reaped{1, 64})
			s.closing(50)
		}},
		{"direct reads in any order", "", drain, func(s *script) {
			s.submit(0, 10, 20, 2, pread, pread)
			s.get(0, 30, 31, 1, 1, -1, reaped{2, 512})
			s.get(0, 32, 40, 1, 1, -1, reaped{1, 512})
			s.closing(50)
		}},
		{"head goes on", "", drain, func(s *script) {
			s.submit(0, 10, 20, 2, pread, pread)
			s.ring(0, 30, 31, 1, 0, 2, reaped{2, 512})
			s.ring(0, 32, 33, 4, 1, 2, reaped{1, 512})
			s.closing(50)
		}},
		{"head goes back", "ring-order", drain, func(s *script) {
			s.submit(0, 10, 20, 2, pread, pread)
			s.ring(0, 30, 31, 1, 0, 2, reaped{2, 512})
			s.ring(0, 32, 33, 4, 0, 2, reaped{1, 512})
			s.closing(50)
		}},
		{"eventfd", "", drain, func(s *script) {
			s.submit(0, 10, 20, 2, signalled, signalled)
			s.file(1, traces.CallReadEventfd, completions, 21, 22, 0, 8, 1)
			s.get(0, 30, 40, 2, 2, -1, reaped{2, 512}, reaped{1, 512})
			s.closing(50)
			s.file(0, traces.CallReadEventfd, completions, 160, 161, 0, 8, 1)
		}},
		{"a plain read signals no eventfd, though it names one", "", drain, func(s *script) {
			s.submit(0, 10, 20, 1, signalled)
			s.logs[0].Record(traces.RequestRecord(0, traces.NoContext, s.next, model.PRead, onPipe, completions+1, 0, 64, 0, dataOf(s.next), objOf(s.next)))
			s.invoke(0, traces.NoContext, traces.CallRead, s.next, onPipe, 21, 22, 0, 0, 0, 0)
			s.returns(0, 22, 0, 0, 0)
			s.next++
			s.get(0, 30, 40, 1, 2, -1, reaped{1, 512})
			s.closing(50)
			s.file(0, traces.CallReadEventfd, completions, 160, 161, 0, 8, 1)
		}},
		{"eventfd signalled too often", "eventfd-count", drain, func(s *script) {
			s.submit(0, 10, 20, 1, signalled)
			s.file(1, traces.CallReadEventfd, completions, 21, 22, 0, 8, 2)
			s.get(0, 30, 40, 1, 2, -1, reaped{1, 512})
			s.closing(50)
		}},
		{"eventfd signalled too seldom", "eventfd-count", drain, func(s *script) {
			s.submit(0, 10, 20, 1, signalled)
			s.get(0, 30, 40, 1, 2, -1, reaped{1, 512})
			s.closing(50)
			s.file(0, traces.CallReadEventfd, completions, 160, 161, 0, model.Fail(model.EAGAIN), 0)
		}},
		{"eventfd signalled before the event", "eventfd-count", drain, func(s *script) {
			s.submit(0, 10, 20, 1, signalled)
			s.file(1, traces.CallReadEventfd, completions, 21, 22, 0, 8, 1)
			s.get(1, 23, 24, 0, 4, 0)
			s.get(0, 30, 40, 1, 2, -1, reaped{1, 512})
			s.closing(50)
		}},
		{"two destroys, one succeeds", "", destroy, func(s *script) {
			s.destroy(0, 30, 40, 0)
			s.destroy(1, 30, 40, einval)
			s.getRet(0, 50, 60, 0, 1, 0, einval)
		}},
		{"two destroys succeed", "destroy-once", destroy, func(s *script) {
			s.destroy(0, 30, 40, 0)
			s.destroy(1, 35, 45, 0)
		}},
		{"the only destroy fails", "destroy-once", destroy, func(s *script) {
			s.destroy(0, 30, 40, einval)
			s.destroy(0, 41, 42, 0)
		}},
		{"calls after destroy", "destroy-once", destroy, func(s *script) {
			s.destroy(0, 30, 40, 0)
			s.get(0, 50, 60, 0, 1, 0)
			s.submit(0, 61, 62, 1, pread)
			s.cancel(0, 63, 64, 1, einval)
		}},
		{"poll on a dying context", "", destroy, func(s *script) {
			s.submit(0, 10, 20, 1, poll)
			s.destroy(0, 30, 60, 0)
			s.cancel(1, 40, 50, 1, einval)
		}},
		{"wait ended by destroy", "", destroy, func(s *script) {
			s.destroy(0, 30, 60, 0)
			s.getRet(1, 10, 55, 1, 1, -1, einval)
		}},
		{"EINVAL on a live context", "event-count", destroy, func(s *script) {
			s.getRet(1, 10, 25, 1, 1, -1, einval)
			s.destroy(0, 30, 60, 0)
		}},
		{"buffer changed after its event", "buffer-released", drain, func(s *script) {
			s.submit(0, 10, 20, 1, pread)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 512})
			s.logs[0].Record(traces.DamageRecord(0, 1, traces.AfterEvent, 41, 45, 64, 8))
			s.closing(50)
		}},
		{"buffer changed after destroy", "destroy-waits", destroy, func(s *script) {
			s.submit(0, 10, 20, 1, pread)
			s.destroy(0, 30, 40, 0)
			s.control.Record(traces.DamageRecord(traces.Controller, 1, traces.AfterDestroy, 41, 45, 64, 8))
		}},
		{"buffer changed after exit", "exit-waits", kill, func(s *script) {
			s.submit(0, 10, 20, 1, pread)
			s.control.Record(traces.ExitRecord(kill, 80, 90))
			s.control.Record(traces.DamageRecord(traces.Controller, 1, traces.AfterExit, 91, 95, 64, 8))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScript(row.end)
			row.script(s)
			vs := s.judge(t, model.SimulatedContract())
			if got := violatedNames(vs); got != row.want {
				t.Errorf("violated %q, want %q", got, row.want)
			}
			for _, v := range vs {
				for i := range v.Findings {
					t.Log(describeFinding(&v.Findings[i]))
				}
			}
		})
	}
}
