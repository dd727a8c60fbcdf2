package machine

// Observation is what can be observed of an end of a behaviour: Outcome in a
// form that a program can ask.
type Observation struct {
	Requests []RequestEnd
	Calls    [][]Reply // by thread and call
	Rings    [][]uint8 // by context: its events, by their requests, in order
	// Contents is, by file, who wrote each unit: of a stream those that are in
	// it, from the oldest, of another file those that the scenario can touch.
	Contents [][]Writer
}

// Writer is who wrote a unit of data: a request, or one of the others.
type Writer int

// The writers that are no requests.
const (
	Nobody  Writer = -1 - iota // it was there at the beginning
	Program                    // a plain write
)

// RequestEnd is how far a request came, and what it did.
type RequestEnd struct {
	Accepted bool
	Ended    bool     // its event was posted
	Result   string   // of its event: "2" units, "-EINTR", "ready"; "" while it has none
	Units    uint8    // moved; 1 for an effect that is not counted
	Total    uint8    // units that a full effect has
	Rewrite  bool     // executed with what was written over its iocb
	Data     []Writer // of a read: who wrote each unit that it moved
	Covers   int      // of an fsync: how many writes to its file had taken effect
	Task     Task     // whose context it was executed in; TaskSubmitter if it had no effect
	// Thread and Call took its event; both are -1 if nobody did.
	Thread, Call int
}

// Task is whose credentials, directory, files and limits a request was
// executed with.
type Task uint8

// The tasks.
const (
	TaskSubmitter Task = iota // the submitter's, as they were at submission
	TaskChanged               // the submitter's, as changed after submission
	TaskWorker                // in part the executing thread's own
)

// String is the word for it in litmus tests.
func (t Task) String() string { return [...]string{"submitter", "changed", "worker"}[t] }

// Reply is what a call returned.
type Reply struct {
	Returned bool
	Count    uint8  // requests, events or units
	Answer   string // an error, or another answer that is not a count: "-EINVAL"
}

// Observe is what can be observed in s, a state without successors.
func (m *Machine) Observe(s *State) Observation {
	var o Observation
	for i := range m.reqs {
		o.Requests = append(o.Requests, m.endOf(s, i))
	}
	for i := range m.threads {
		th := &m.threads[i]
		replies := make([]Reply, len(th.ans))
		for c, field := range th.ans {
			switch a := field.get(s); {
			case a >= ansError:
				replies[c] = Reply{Returned: true, Answer: answerText(a)}
			case a >= ansCount:
				replies[c] = Reply{Returned: true, Count: uint8(a - ansCount)}
			}
		}
		o.Calls = append(o.Calls, replies)
	}
	for i := range m.ctxs {
		c := &m.ctxs[i]
		var ring []uint8
		if m.ringLog {
			for k := range c.tail.get(s) {
				ring = append(ring, uint8(c.log[k].get(s)))
			}
		}
		o.Rings = append(o.Rings, ring)
	}
	for i := range m.files {
		f := &m.files[i]
		units := f.cells
		if f.Kind.Stream() {
			end, have := f.end.get(s), f.content.get(s)
			units = make([]field, have) // absent fields: nobody's
			if len(f.log) > 0 {
				units = f.log[end-have : end]
			}
		}
		o.Contents = append(o.Contents, m.writersOf(s, units))
	}
	return o
}

func (m *Machine) endOf(s *State, i int) RequestEnd {
	r := &m.reqs[i]
	ph := r.ph.get(s)
	end := RequestEnd{
		Accepted: ph > phSubmitting, Ended: ph >= phPosted,
		Units: uint8(r.eff.get(s)), Total: max(r.Units, 1), Thread: -1, Call: -1,
	}
	if end.Ended {
		end.Result = resultText(r.res.get(s))
	}
	if end.Units > 0 {
		end.Rewrite = r.used.is(s)
		if moved := int(end.Units); moved <= len(r.data) {
			end.Data = m.writersOf(s, r.data[:moved])
		}
		switch m.ranAs(s, r) {
		case asWorker:
			end.Task = TaskWorker
		case asChanged:
			end.Task = TaskChanged
		}
	}
	end.Covers = int(r.covers.get(s))
	if by := int(r.by.get(s)); by > 0 {
		end.Thread, end.Call = m.reapingCall(by)
	}
	return end
}

// reapingCall is the inverse of reapNumber.
func (m *Machine) reapingCall(n int) (thread, call int) {
	for t := range m.threads {
		for c, k := range m.threads[t].Calls {
			if k.Kind == GetEvents || k.Kind == ReapRing {
				if n--; n == 0 {
					return t, c
				}
			}
		}
	}
	return -1, -1
}

func (m *Machine) writersOf(s *State, units []field) []Writer {
	writers := make([]Writer, len(units))
	for i, u := range units {
		switch by := int(u.get(s)); {
		case by == 0:
			writers[i] = Nobody
		case by > len(m.reqs):
			writers[i] = Program
		default:
			writers[i] = Writer(by - 1)
		}
	}
	return writers
}
