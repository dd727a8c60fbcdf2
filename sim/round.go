package sim

import (
	"errors"
	"fmt"

	"aiocheck/traces"
)

// latencies are those of fast and slow devices; a round has one of them.
var latencies = [...]uint32{1, 1000, 10_000, 100_000}

// begin lays out a round: records, files, contexts, requests and threads.
func (t *Target) begin(p *traces.Program) error {
	if err := t.check(p); err != nil {
		return err
	}
	t.program, t.exiting, t.ticks = p, false, 0
	t.arena, t.jobs = t.arena[:0], t.jobs[:0]
	t.jobBias = 1 + t.below(15)
	t.latency = latencies[t.below(uint32(len(latencies)))]
	t.lastID = max(t.lastID, p.First+traces.RequestID(len(p.Requests))-1)

	if t.bug != 0 {
		t.storage.expect(t.lastID)
	}
	t.control.Record(traces.RoundRecord(traces.Controller, t.tick(), p.Round, p.End))
	t.files = resize(t.files, len(p.Files))
	for i, d := range p.Files {
		t.files[i].setUp(uint16(i), d)
		flags := uint64(0)
		if d.Nonblock {
			flags |= traces.FileNonblock
		}
		if d.Kind == traces.Storage && t.cfg.Direct {
			flags |= traces.FileDirect
		}
		t.control.Record(traces.FileRecord(uint16(i), d.Kind, flags, uint64(d.Bytes)))
	}
	t.contexts = resize(t.contexts, len(p.Contexts))
	for i, d := range p.Contexts {
		t.contexts[i].setUp(uint32(i), d.Slots)
		t.control.Record(traces.ContextRecord(uint32(i), d.Slots))
	}
	t.layNames()
	t.requests = resize(t.requests, len(p.Requests))
	clear(t.requests)
	for i := range p.Requests {
		r := &t.requests[i]
		r.decl, r.id = &p.Requests[i], p.First+traces.RequestID(i)
		r.obj = 0x7f00_0000_0000 + uint64(i)*64
		if reuse := r.decl.Reuse; reuse != 0 && int(reuse) <= i {
			r.obj = t.requests[reuse-1].obj
		}
	}
	if t.bug == eventBeforeSubmit {
		t.unsent = resize(t.unsent, len(p.Requests))
		clear(t.unsent)
	}
	t.threads = resize(t.threads, len(p.Threads))
	t.begun = resize(t.begun, len(p.Threads))
	clear(t.begun)
	for i, steps := range p.Threads {
		t.threads[i].setUp(uint16(i), steps, t.fs)
		t.log(uint16(i)).Record(traces.RoundRecord(uint16(i), t.now, p.Round, p.End))
	}
	// The first thread sets the contexts up before the others start.
	log, compat := t.log(0), uint64(ringCompat)
	if t.cfg.Threaded {
		compat |= ringThreaded
	}
	for i := range t.contexts {
		c := &t.contexts[i]
		log.Record(traces.InvokeRecord(0, c.number, traces.CallSetup, 0, 0, t.tick(), int64(c.slots), 0, 0))
		log.Record(traces.ReturnRecord(0, t.tick(), 0, 0x7e00_0000_0000+uint64(i)*4096, uint64(c.nr)|compat<<32))
	}
	return nil
}

// compat_features of a ring: what it always is, and that the context has threads.
const (
	ringCompat   = 1
	ringThreaded = 2
)

// resize gives s the length n, keeping what its elements have allocated.
func resize[E any](s []E, n int) []E {
	if n > cap(s) {
		grown := make([]E, n)
		copy(grown, s[:cap(s)])
		return grown
	}
	return s[:n]
}

// check refuses what no target could run.
func (t *Target) check(p *traces.Program) error {
	if len(p.Threads) == 0 || len(p.Threads) >= traces.Controller {
		return fmt.Errorf("a program of %d threads", len(p.Threads))
	}
	if len(p.Files) == 0 || p.Files[0].Kind != traces.Storage || p.Files[0].Bytes > t.cfg.StorageBytes {
		return fmt.Errorf("file 0 is not a storage of at most %d bytes", t.cfg.StorageBytes)
	}
	if !t.cfg.Threaded && (len(p.Names) > 0 || p.Identity != nil) {
		return errors.New("names or an identity, which only a kernel with threads has here")
	}
	if id := p.Identity; id != nil && (int(id.Cwd) > len(p.Files) || int(id.Root) > len(p.Files)) {
		return errors.New("an identity in a directory that is not there")
	}
	for _, steps := range p.Threads {
		for i := range steps {
			if steps[i].Do > traces.DoAwait && !t.cfg.Threaded {
				return errors.New("a step that only a kernel with threads has here")
			}
		}
	}
	for i := range p.Names {
		if d := int(p.Names[i].Directory); d >= len(p.Files) || p.Files[d].Kind != traces.Directory {
			return fmt.Errorf("name %d is in no directory", i)
		}
	}
	for i := range p.Requests {
		r := &p.Requests[i]
		onName := r.Opcode.Names() || int(r.File) < len(p.Files) && p.Files[r.File].Kind == traces.Directory
		if t.cfg.Threaded && onName && max(int(r.Name), int(r.NewName)) >= len(p.Names) {
			return fmt.Errorf("request %d is about a name that is not there", i)
		}
	}
	if p.First != t.lastID+1 {
		return fmt.Errorf("the first request is %d after %d", p.First, t.lastID)
	}
	for th, steps := range p.Threads {
		for i := range steps {
			if !sound(p, &steps[i]) {
				return fmt.Errorf("thread %d, step %d names what is not there", th, i)
			}
		}
	}
	return nil
}

// sound reports whether everything that a step names is declared.
func sound(p *traces.Program, s *traces.Step) bool {
	if (s.Do == traces.DoStat || s.Do == traces.DoReuse) && int(s.Name) >= len(p.Names) {
		return false
	}
	last := int(s.Request) + int(s.Count) // one past the last request
	switch s.Do {
	case traces.DoNamed, traces.DoReuse:
		if last++; last <= len(p.Requests) && !p.Requests[s.Request].Opcode.Names() && s.Do == traces.DoNamed {
			return false
		}
	case traces.DoCancel, traces.DoRead, traces.DoWrite:
		last = int(s.Request) + 1
		if s.Do == traces.DoWrite && int(s.File) < len(p.Files) && p.Files[s.File].Kind == traces.Eventfd {
			last = 0
		}
	}
	return (s.Do > traces.DoDestroy || int(s.Context) < len(p.Contexts)) && int(s.File) < len(p.Files) &&
		last <= len(p.Requests) && int(s.Thread) < len(p.Threads)
}

// play runs the threads, then the end that the program asks for.
func (t *Target) play() error {
	p := t.program
	steps := 0
	for _, s := range p.Threads {
		steps += len(s)
	}
	killAt := int(t.below(uint32(6*steps + 1)))
	through := false
	for !t.exiting && (p.End != traces.EndKill || t.ticks < killAt) {
		through = through || !t.anyThread()
		if through && !t.closing() {
			break
		}
		if err := t.schedule(); err != nil {
			if p.End != traces.EndKill && t.fired == 0 {
				return err
			}
			// What a bug has hung, or a program that waits for its end, is killed.
			t.exit(traces.EndKill)
			return nil
		}
	}
	if p.End == traces.EndExit || p.End == traces.EndKill {
		t.exit(p.End)
		return nil
	}
	t.settleAll()
	t.readNamesBack()
	t.watch(0)
	return nil
}
