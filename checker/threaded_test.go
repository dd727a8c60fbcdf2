package checker

import (
	"testing"
	"time"

	"aiocheck/model"
	"aiocheck/traces"
)

// second is what a threaded kernel's grace is measured in.
const second = traces.Time(time.Second)

var (
	write64   = iocb{model.PWrite, onStorage, 0, 512, false}
	pipeWrite = iocb{model.PWrite, onPipe, 0, 64, false}
	ahead     = iocb{model.ReadAhead, onStorage, 1<<20 - 4096, 8192, false}
)

// frozen freezes the storage, submits as many writes as there are threads and
// one more, and cancels that one.
func (s *script) frozen(workers int, answer model.Result) (last traces.RequestID) {
	s.file(0, traces.CallFreeze, onStorage, 10, 20, 0, 0, 0)
	var batch []iocb
	for range workers + 1 {
		batch = append(batch, write64)
	}
	first := s.submit(0, 30, 40, model.Result(len(batch)), batch...)
	last = first + traces.RequestID(workers)
	s.cancel(0, 50, 60, last, answer)
	return last
}

// Each row is a history on a kernel with two threads, and what is wrong with
// it; nothing if want is empty.
func TestThreadedHistories(t *testing.T) {
	eintr := model.Fail(model.EINTR)
	contract := model.ThreadContract()
	contract.Workers = 2
	for _, row := range []struct {
		name, want string
		end        traces.End
		script     func(s *script)
	}{
		{"cancelled in the queue", "", traces.EndDrain, func(s *script) {
			last := s.frozen(2, einprogress)
			s.get(0, 70, 80, 1, 1, -1, reaped{last, eintr})
			s.file(0, traces.CallThaw, onStorage, 90, 100, 0, 0, 0)
			s.get(0, 110, 120, 2, 2, -1, reaped{1, 512}, reaped{2, 512})
			s.closing(130)
		}},
		{"cancelled in the queue, but executed", "cancelled-no-effect", traces.EndDrain, func(s *script) {
			last := s.frozen(2, einprogress)
			s.file(0, traces.CallThaw, onStorage, 90, 100, 0, 0, 0)
			s.get(0, 110, 120, 3, 3, -1, reaped{1, 512}, reaped{2, 512}, reaped{last, 512})
			s.closing(130)
		}},
		{"with a thread to spare it may have begun", "", traces.EndDrain, func(s *script) {
			last := s.frozen(1, einprogress)
			s.file(0, traces.CallThaw, onStorage, 90, 100, 0, 0, 0)
			s.get(0, 110, 120, 2, 2, -1, reaped{1, 512}, reaped{last, 512})
			s.closing(130)
		}},
		{"its event waits for a thread", "cancelled-ends", traces.EndDrain, func(s *script) {
			last := s.frozen(2, einprogress)
			s.get(0, 70, 70+10*second, 1, 1, 10*time.Second)
			s.file(0, traces.CallThaw, onStorage, 11*second, 11*second+1, 0, 0, 0)
			s.get(0, 12*second, 12*second+1, 3, 3, -1, reaped{1, 512}, reaped{2, 512}, reaped{last, eintr})
			s.closing(13 * second)
		}},
		{"a write while frozen", "file-held", traces.EndDrain, func(s *script) {
			s.file(0, traces.CallFreeze, onStorage, 10, 20, 0, 0, 0)
			s.submit(0, 30, 40, 1, write64)
			s.get(0, 50, 60, 1, 1, -1, reaped{1, 512})
			s.file(0, traces.CallThaw, onStorage, 70, 80, 0, 0, 0)
			s.closing(90)
		}},
		{"a write from before", "", traces.EndDrain, func(s *script) {
			s.submit(0, 5, 6, 1, write64)
			s.file(0, traces.CallFreeze, onStorage, 10, 20, 0, 0, 0)
			s.get(0, 50, 60, 1, 1, -1, reaped{1, 512})
			s.file(0, traces.CallThaw, onStorage, 70, 80, 0, 0, 0)
			s.closing(90)
		}},
		{"a late cancel that is lost", "cancelled-ends", traces.EndDrain, func(s *script) {
			s.submit(0, 10, 20, 1, pipeRead)
			s.cancel(0, 30, 40, 1, einprogress)
			s.get(0, 50, 50+10*second, 1, 1, 10*time.Second)
			s.file(0, traces.CallClose, onPipe, 11*second, 11*second+1, 1, 0, 0)
			s.get(0, 12*second, 12*second+1, 1, 1, -1, reaped{1, 0})
			s.closing(13 * second)
		}},
		{"a signal that leaks", "legal-result", traces.EndDrain, func(s *script) {
			s.submit(0, 10, 20, 1, pread)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, eintr})
			s.closing(50)
		}},
		{"a restart code", "legal-result", traces.EndDrain, func(s *script) {
			s.submit(0, 10, 20, 1, pipeRead)
			s.cancel(0, 21, 22, 1, einprogress)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, -512})
			s.closing(50)
		}},
		{"a write that has room and does not end", "request-ends", traces.EndDrain, func(s *script) {
			s.submit(0, 10, 20, 1, pipeWrite)
			s.get(0, 50, 50+10*second, 1, 1, 10*time.Second)
			s.file(0, traces.CallClose, onPipe, 11*second, 11*second+1, 0, 0, 0)
			s.get(0, 12*second, 12*second+1, 1, 1, -1, reaped{1, 64})
			s.closing(13 * second)
		}},
		{"readahead up to the end of the file", "", traces.EndDrain, func(s *script) {
			s.submit(0, 10, 20, 1, ahead)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 4096})
			s.closing(50)
		}},
		{"readahead of less", "legal-result", traces.EndDrain, func(s *script) {
			s.submit(0, 10, 20, 1, ahead)
			s.get(0, 30, 40, 1, 1, -1, reaped{1, 512})
			s.closing(50)
		}},
		{"destroy that waits for readers", "destroy-returns", traces.EndDestroy, func(s *script) {
			s.submit(0, 10, 20, 1, pipeRead)
			s.destroy(0, 30, 30+10*second, 0)
		}},
		{"destroy that cancels them", "", traces.EndDestroy, func(s *script) {
			s.submit(0, 10, 20, 1, pipeRead)
			s.destroy(0, 30, 40, 0)
		}},
		{"a waiter that nobody wakes", "waiter-woken", traces.EndDestroy, func(s *script) {
			s.get(1, 20, 20+10*second, 1, 1, 10*time.Second)
			s.destroy(0, 30, 20+10*second, 0)
		}},
		{"a waiter that is woken", "", traces.EndDestroy, func(s *script) {
			s.getRet(1, 20, 50, 1, 1, 10*time.Second, einval)
			s.destroy(0, 30, 60, 0)
		}},
	} {
		s := newScript(row.end)
		row.script(s)
		if got := violatedNames(s.judge(t, contract)); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}
