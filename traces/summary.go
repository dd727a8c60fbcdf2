package traces

import (
	"cmp"
	"slices"
	"time"

	"aiocheck/model"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Summary is a history in numbers. Requests and calls of the controller, which
// reads the storage back in the end, count only in ReadBack.
type Summary struct {
	Elapsed      time.Duration `json:"elapsed_ns"` // from the first round's start to the last record with a time
	Accepted     int64         `json:"accepted"`   // requests that io_submit accepted
	Rate         float64       `json:"rate"`       // accepted requests a second
	BytesRead    int64         `json:"bytes_read"` // by program threads, from the storage and streams
	BytesWritten int64         `json:"bytes_written"`
	ReadBack     int64         `json:"read_back"`   // bytes of the storage read after the last round
	Events       int64         `json:"events"`      // reaped
	NoSlot       int64         `json:"no_slot"`     // io_submit calls that failed with EAGAIN
	Unsubmitted  int64         `json:"unsubmitted"` // requests that were declared only
	Damages      int64         `json:"damages"`     // released buffers that were written to
	Watched      Watched       `json:"watched"`
	Rounds       []RoundCount  `json:"rounds"`
	Requests     []OpcodeCount `json:"requests"`
	Calls        []CallCount   `json:"calls"`
	Cancels      []CancelCount `json:"cancels"`
	Latency      []Latency     `json:"latency"`
}

// RoundCount counts the rounds that ended in one way.
type RoundCount struct {
	End   string `json:"end"`
	Count int64  `json:"count"`
}

// OpcodeCount counts the requests of an opcode by what became of them.
type OpcodeCount struct {
	Opcode   string `json:"opcode"`
	Accepted int64  `json:"accepted"`
	Rejected int64  `json:"rejected"`
	Unsure   int64  `json:"unsure"` // their io_submit was not seen to return
	Plain    int64  `json:"plain"`  // made by read(2), openat(2) and the like instead
	Ended    int64  `json:"ended"`  // of all these, seen to end
	Failed   int64  `json:"failed"` // ended with an error
}

// CallCount counts the calls of a kind.
type CallCount struct {
	Call   string `json:"call"`
	Count  int64  `json:"count"`
	Failed int64  `json:"failed"` // returned an error
	Open   int64  `json:"open"`   // not seen to return
}

// CancelCount counts the io_cancel calls that gave one answer and whose
// request then went one way.
type CancelCount struct {
	Answer string `json:"answer"` // the result, or "none" if the call did not return
	Then   string `json:"then"`   // see the constants
	Count  int64  `json:"count"`
}

// What became of a request that io_cancel was called for.
const (
	ThenUnsubmitted = "never submitted"
	ThenRejected    = "rejected by io_submit"
	ThenBefore      = "had been reaped before"
	ThenNever       = "never reaped"
	ThenCancelled   = "result of a cancelled request"
	ThenError       = "another error"
	ThenNatural     = "natural result"
)

// Latency is how long requests of a class took from the beginning of the call
// that submitted them until their end was known, in nanoseconds. Quantiles
// are right to three digits.
type Latency struct {
	Class string `json:"class"`
	Count int64  `json:"count"`
	P50   int64  `json:"p50_ns"`
	P90   int64  `json:"p90_ns"`
	P99   int64  `json:"p99_ns"`
	P999  int64  `json:"p999_ns"`
	Max   int64  `json:"max_ns"`
}

// LatencyClasses name the classes of latency. What streams do waits for the
// other end of the stream, which says nothing about the storage.
var LatencyClasses = [...]string{"storage read", "storage write", "sync", "poll", "stream read", "stream write", "name", "other"}

// LatencyClass is the request's position in LatencyClasses.
func (h *History) LatencyClass(r *Request) int {
	stream := 0
	if h.Files[r.File].Kind != Storage {
		stream = 4
	}
	switch {
	case r.Opcode.Reads():
		return 0 + stream
	case r.Opcode.Writes():
		return 1 + stream
	case r.Opcode.Syncs():
		return 2
	case r.Opcode == model.Poll:
		return 3
	case r.Opcode.Names():
		return 6
	default:
		return 7
	}
}

// longest is the longest latency that is told apart, in nanoseconds.
const longest = int64(time.Hour)

// Summarize counts.
func Summarize(h *History) Summary {
	s := Summary{Events: int64(len(h.Events)), Damages: int64(len(h.Damages)), Watched: h.Watched}
	s.countRounds(h)
	s.countCalls(h)
	s.countRequests(h)
	if s.Elapsed > 0 {
		s.Rate = float64(s.Accepted) / s.Elapsed.Seconds()
	}
	return s
}

func (s *Summary) countRounds(h *History) {
	var ends [4]int64
	for i := range h.Rounds {
		ends[h.Rounds[i].End&3]++
	}
	for end, n := range ends {
		if n > 0 {
			s.Rounds = append(s.Rounds, RoundCount{End(end).String(), n})
		}
	}
}

func (s *Summary) countCalls(h *History) {
	var kinds [callEnd]CallCount
	type cancel struct{ answer, then string }
	cancels := map[cancel]int64{}
	first, last := Never, Time(0)
	for i := range h.Rounds {
		first = min(first, h.Rounds[i].Start)
	}
	for i := range h.Calls {
		c := &h.Calls[i]
		if c.Thread == Controller {
			continue
		}
		last = max(last, c.Invoke)
		k := &kinds[c.Kind]
		k.Count++
		answer := "none"
		if c.Completed() {
			last = max(last, c.Return)
			answer = c.Ret.String()
		} else {
			k.Open++
		}
		if c.Completed() && c.Ret < 0 {
			k.Failed++
		}
		switch {
		case c.Kind == CallCancel:
			cancels[cancel{answer, h.then(c)}]++
		case c.Kind == CallSubmit && c.Completed() && c.Ret == model.Fail(model.EAGAIN):
			s.NoSlot++
		}
	}
	s.Elapsed = time.Duration(max(0, last-first))
	for kind := range kinds {
		if k := kinds[kind]; k.Count > 0 {
			k.Call = CallKind(kind).String()
			s.Calls = append(s.Calls, k)
		}
	}
	for c, n := range cancels {
		s.Cancels = append(s.Cancels, CancelCount{c.answer, c.then, n})
	}
	slices.SortFunc(s.Cancels, func(a, b CancelCount) int {
		return cmp.Or(cmp.Compare(a.Answer, b.Answer), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Then, b.Then))
	})
}

// then says what became of the request that an io_cancel call names.
func (h *History) then(c *Call) string {
	r := &h.Requests[c.Request-1]
	switch {
	case r.ID == 0 || r.Context == None:
		return ThenUnsubmitted
	case r.Fate == Rejected:
		return ThenRejected
	case r.Event == None:
		return ThenNever
	}
	res, known, _ := h.Outcome(r)
	contract := &h.Header.Contract
	cancelled := model.Fail(model.EINTR)
	if r.Opcode == model.Poll {
		cancelled = contract.CancelledPoll
	}
	switch {
	case known <= c.Invoke:
		return ThenBefore
	case res == cancelled && contract.Cancellable(r.Opcode):
		return ThenCancelled
	case res < 0:
		return ThenError
	default:
		return ThenNatural
	}
}

func (s *Summary) countRequests(h *History) {
	opcodes := map[model.Opcode]*OpcodeCount{}
	var times [len(LatencyClasses)]*hdrhistogram.Histogram
	for i := range h.Requests {
		r := &h.Requests[i]
		if r.ID == 0 {
			s.Unsubmitted++
			continue
		}
		res, known, ended := h.Outcome(r)
		if h.Calls[r.Call].Thread == Controller {
			if ended {
				s.ReadBack += int64(max(0, res))
			}
			continue
		}
		o := opcodes[r.Opcode]
		if o == nil {
			o = &OpcodeCount{Opcode: r.Opcode.String()}
			opcodes[r.Opcode] = o
		}
		switch {
		case r.Context == None:
			o.Plain++
		case r.Fate == Accepted:
			o.Accepted++
			s.Accepted++
		case r.Fate == Rejected:
			o.Rejected++
		default:
			o.Unsure++
		}
		if !ended {
			continue
		}
		o.Ended++
		switch {
		case res < 0:
			o.Failed++
		case r.Opcode.Reads():
			s.BytesRead += int64(res)
		case r.Opcode.Writes():
			s.BytesWritten += int64(res)
		}
		if r.Context != None {
			class := h.LatencyClass(r)
			if times[class] == nil {
				times[class] = hdrhistogram.New(1, longest, 3)
			}
			// The value is in range, which is all that can make it fail.
			_ = times[class].RecordValue(min(max(0, known-h.Calls[r.Call].Invoke), longest))
		}
	}
	for op := range 256 {
		if o := opcodes[model.Opcode(op)]; o != nil {
			s.Requests = append(s.Requests, *o)
		}
	}
	for class, t := range times {
		if t != nil {
			s.Latency = append(s.Latency, Latency{Class: LatencyClasses[class], Count: t.TotalCount(),
				P50: t.ValueAtQuantile(50), P90: t.ValueAtQuantile(90), P99: t.ValueAtQuantile(99),
				P999: t.ValueAtQuantile(99.9), Max: t.Max()})
		}
	}
}
