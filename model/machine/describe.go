package machine

import (
	"fmt"
	"sort"
	"strings"

	"aiocheck/model/design"
)

var phaseNames = [...]string{"idle", "refused", "submitting", "armed", "started", "posted", "reaped"}
var slotNames = [...]string{"NULL", "EARLY", "LATE", "CANCELLED"}
var resultNames = [...]string{resNone: "none", resInterrupted: "-EINTR", resRestart: "-ERESTARTSYS", resCanceled: "-ECANCELED", resBrokenPipe: "-EPIPE", resReady: "ready", resInvalid: "-EINVAL"}

func resultText(res uint64) string {
	if res >= resCount && res <= resCount+maxUnits {
		return fmt.Sprint(res - resCount)
	}
	return resultNames[res]
}

func answerText(a uint64) string {
	switch {
	case a == 0:
		return "no answer"
	case a < ansError:
		return fmt.Sprint(a - ansCount)
	case a == ansBadFile:
		return "-EBADF"
	}
	return design.Answer(a - ansError).String()
}

// actorText names an actor of a step.
func (m *Machine) actorText(a uint8) string {
	n := int(a)
	if n < len(m.threads) {
		if name := m.threads[n].Name; name != "" {
			return fmt.Sprintf("%s %d", name, n)
		}
		return fmt.Sprintf("thread %d", n)
	}
	n -= len(m.threads)
	if n < len(m.workers) {
		return fmt.Sprintf("worker %d", n)
	}
	n -= len(m.workers)
	if n < len(m.ctxs) {
		return fmt.Sprintf("context %d", n)
	}
	return "kernel"
}

// DescribeStep is a step as a sentence, with the lock that it runs under and
// its source.
func (m *Machine) DescribeStep(st Step) string {
	info := st.Kind.Info()
	lock := ""
	if info.Lock != "" {
		lock = " under " + info.Lock
	}
	text := strings.ReplaceAll(info.Text, "%r", fmt.Sprintf("request %d", st.Object))
	return fmt.Sprintf("%s: %s %s%s (%s)", info.Name, m.actorText(st.Actor), text, lock, info.Source)
}

// Describe is a state as text, a line for each request, worker, thread and
// context that is not at rest.
func (m *Machine) Describe(s *State) string {
	var b strings.Builder
	for i := range m.reqs {
		r := &m.reqs[i]
		fmt.Fprintf(&b, "request %d %s %s: %s", i, r.Opcode, m.files[r.File].Kind, phaseNames[r.ph.get(s)])
		if kc := r.kc.get(s); kc != kcNull {
			fmt.Fprintf(&b, ", cancel slot %s", slotNames[kc])
		}
		m.flag(&b, s, r.onl, "on the list")
		if q := r.qpos.get(s); q > 0 {
			fmt.Fprintf(&b, ", queued at %d", q)
		}
		if res := r.res.get(s); res != resNone {
			fmt.Fprintf(&b, ", result %s", resultText(res))
		}
		if e := r.eff.get(s); e > 0 {
			fmt.Fprintf(&b, ", effect %d of %d", e, max(r.Units, 1))
		}
		m.flag(&b, s, r.free, "freed")
		m.flag(&b, s, r.arg, "iocb changed")
		m.flag(&b, s, r.used, "executed with the changed iocb")
		b.WriteByte('\n')
	}
	for i := range m.workers {
		w := &m.workers[i]
		if pc := w.pc.get(s); pc > 0 {
			fmt.Fprintf(&b, "worker %d: request %d, before %s", i, w.req.get(s), m.program[pc-1])
		} else {
			fmt.Fprintf(&b, "worker %d: free", i)
		}
		m.flag(&b, s, w.sig, "signal pending")
		m.flag(&b, s, w.deaf, "hears no further signal")
		b.WriteByte('\n')
	}
	for i := range m.threads {
		m.describeThread(&b, s, i)
	}
	for i := range m.ctxs {
		c := &m.ctxs[i]
		fmt.Fprintf(&b, "context %d: %s", i, [...]string{"alive", "dead", "unusable", "being cancelled", "being cancelled", "drained", "freed"}[c.kill.get(s)])
		m.flag(&b, s, c.lock, "locked")
		if m.ringLog {
			fmt.Fprintf(&b, ", ring %d to %d", c.head.get(s), c.tail.get(s))
		}
		if m.slots {
			fmt.Fprintf(&b, ", %d slots free, %d with events", c.avail.get(s), c.comp.get(s))
		}
		b.WriteByte('\n')
	}
	for i := range m.files {
		if f := &m.files[i]; f.Kind.Stream() {
			fmt.Fprintf(&b, "file %d %s: holds %d", i, f.Kind, f.content.get(s))
			m.flag(&b, s, f.closed, "closed")
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func (m *Machine) flag(b *strings.Builder, s *State, f field, text string) {
	if f.is(s) {
		b.WriteString(", " + text)
	}
}

var pcNames = [numPCs]string{
	pcS1: "S1", pcS3: "S3", pcS5: "S5", pcOp: "SI", pcS6: "S6", pcS7: "S7", pcS8: "S8", pcS9: "S9", pcC3: "C3", pcC5: "C5", pcC6: "C6",
	pcC7: "C7", pcC9: "C9", pcG2: "G2", pcG2h: "G2h", pcG4: "G4", pcU2: "U2", pcK2: "K2", pcK3: "K3", pcK7: "K7", pcX1: "K1 or X2", pcEnd: "SIr",
}

func (m *Machine) describeThread(b *strings.Builder, s *State, i int) {
	th := &m.threads[i]
	fmt.Fprintf(b, "%s:", m.actorText(uint8(i)))
	for c, a := range th.ans {
		if v := a.get(s); v != 0 {
			fmt.Fprintf(b, " %s = %s,", th.Calls[c].Kind, answerText(v))
		}
	}
	if pc := th.pc.get(s); pc != pcIdle {
		fmt.Fprintf(b, " in %s, before %s", m.current(s, th).Kind, pcNames[pc])
	} else {
		b.WriteString(" between calls")
	}
	b.WriteByte('\n')
}

// Outcome is what can be observed of a terminal state, in canonical text: for
// each request its result and effect, for each thread its answers, the order
// of the events.
func (m *Machine) Outcome(s *State) string {
	var lines []string
	for i := range m.reqs {
		r := &m.reqs[i]
		text := fmt.Sprintf("r%d: ", i)
		if m.sc.Anonymous {
			text = "r: "
		}
		switch r.ph.get(s) {
		case phIdle:
			text += "not submitted"
		case phRefused:
			text += "refused"
		case phPosted, phReaped:
			text += resultText(r.res.get(s))
		default:
			text += "pending"
		}
		text += fmt.Sprintf(", effect %d", r.eff.get(s))
		switch {
		case r.eff.get(s) == 0:
		case r.used.is(s):
			text += " with changed arguments"
		case m.ranAs(s, r) == asWorker:
			text += " in the worker's context"
		case m.ranAs(s, r) == asChanged:
			text += " in the changed context"
		}
		if r.Opcode.Reads() && len(r.data) > 0 && r.eff.is(s) {
			text += ", data" + m.writers(s, r.data[:r.eff.get(s)])
		}
		if r.covers.mask != 0 && r.res.is(s) {
			text += fmt.Sprintf(", covers %d", r.covers.get(s))
		}
		if by := r.by.get(s); by > 0 {
			text += fmt.Sprintf(", reaped by call %d", by)
		}
		lines = append(lines, text)
	}
	for i := range m.threads {
		th := &m.threads[i]
		if len(th.ans) == 0 {
			continue
		}
		text := fmt.Sprintf("t%d:", i)
		if m.sym.callerOf[i] > 0 {
			text = "t:"
		}
		for c, a := range th.ans {
			text += fmt.Sprintf(" %s = %s;", th.Calls[c].Kind, answerText(a.get(s)))
		}
		lines = append(lines, text)
	}
	for i := range m.ctxs {
		c := &m.ctxs[i]
		if !m.ringLog || m.sc.Anonymous {
			continue
		}
		text := fmt.Sprintf("ring %d:", i)
		for k := range c.tail.get(s) {
			text += fmt.Sprintf(" r%d", c.log[k].get(s))
		}
		lines = append(lines, text)
	}
	for i := range m.files {
		f := &m.files[i]
		end, have := f.end.get(s), f.content.get(s)
		switch {
		case len(f.log) > 0:
			lines = append(lines, fmt.Sprintf("file %d:%s", i, m.writers(s, f.log[end-have:end])))
		case len(f.cells) > 0:
			lines = append(lines, fmt.Sprintf("file %d:%s", i, m.writers(s, f.cells)))
		case f.Kind.Stream():
			lines = append(lines, fmt.Sprintf("file %d: %d", i, have))
		}
	}
	if m.sc.Anonymous { // those that are not told apart have no order either
		sort.Strings(lines)
	}
	return strings.Join(lines, "\n")
}

// writers names who wrote each unit: "-" for nobody in the program, "w" for a
// plain write.
func (m *Machine) writers(s *State, units []field) string {
	text := ""
	for _, u := range units {
		switch by := u.get(s); {
		case by == 0:
			text += " -"
		case by > uint64(len(m.reqs)):
			text += " w"
		default:
			text += fmt.Sprintf(" r%d", by-1)
		}
	}
	return text
}

// Fair reports whether a step that stays enabled is taken in the end: those of
// workers, contexts and devices, and those of a thread inside a call. A thread
// need not make its next call.
func (m *Machine) Fair(st Step) bool {
	switch st.Kind {
	case S0, C2, C2n, G1, G1n, U1, U1n, K1, K1n, X0, A1, A2, F1, F2, F3:
		return int(st.Actor) >= len(m.threads) || st.Kind == K1 && m.uses(Exit)
	}
	return true
}

// Actors is how many actors there are: threads, workers, contexts, devices.
func (m *Machine) Actors() int { return len(m.threads) + len(m.workers) + len(m.ctxs) + 1 }
