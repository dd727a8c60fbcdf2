package litmus

import (
	"math/rand/v2"
	"slices"
	"time"

	"aiocheck/model"
	"aiocheck/model/design"
	"aiocheck/model/machine"
	"aiocheck/traces"
	"aiocheck/traces/litmus"
)

// Programs use so many slots where a test does not say, and poll for this.
const (
	programSlots = 16
	pollIn       = 0x001
)

// layOut makes the requests and steps of a round, all but what differs from
// round to round.
func (p *Plan) layOut() {
	t := p.Test
	p.files = make([]int, len(t.Files))
	p.position = make([]int, len(t.Requests))
	for i := range t.Files {
		switch f := &t.Files[i]; f.Kind {
		case design.Pipe:
			p.streams = append(p.streams, traces.FileDecl{Kind: traces.Pipe})
		case design.Socket:
			p.streams = append(p.streams, traces.FileDecl{Kind: traces.Socket})
		case design.Eventfd:
			p.streams = append(p.streams, traces.FileDecl{Kind: traces.Eventfd})
		default:
			p.Direct = f.Kind == design.DirectIO
			continue // file 0
		}
		p.files[i] = len(p.streams)
	}
	// The eventfd that requests signal.
	if slices.ContainsFunc(t.Requests, func(r litmus.Request) bool { return r.Eventfd }) {
		p.streams = append(p.streams, traces.FileDecl{Kind: traces.Eventfd})
	}
	for i := range p.position {
		p.position[i] = -1
	}
	p.threads = make([][]traces.Step, len(t.Threads))
	for i, th := range t.Threads {
		for k := range th.Calls {
			p.threads[i] = append(p.threads[i], p.step(&th.Calls[k]))
		}
	}
	// A cancel may name what is never submitted.
	for i := range t.Requests {
		p.place(i)
	}
	p.prepare()
}

// place gives request i of the test its place in the program.
func (p *Plan) place(i int) traces.RequestID {
	if p.position[i] < 0 {
		r := &p.Test.Requests[i]
		file := fileIndex(p.Test, r.File)
		f := &p.Test.Files[file]
		d := planned{RequestDecl: traces.RequestDecl{Opcode: r.Op}, file: file, writer: machine.Writer(i)}
		if r.Op.Transfers() {
			d.Bytes, d.offset = uint32(r.Bytes/unit(f)), r.Offset/unit(f)
			if r.Op == model.PReadV || r.Op == model.PWriteV {
				d.Segments = 1
			}
		}
		if r.Op == model.Poll {
			d.Offset = pollIn
		}
		if r.Eventfd {
			d.Eventfd = uint16(len(p.streams)) + 1
		}
		p.position[i] = len(p.requests)
		p.requests = append(p.requests, d)
	}
	return traces.RequestID(p.position[i])
}

// plain adds a plain transfer of units.
func (p *Plan) plain(op model.Opcode, file int, units int64, by machine.Writer) traces.RequestID {
	d := traces.RequestDecl{Opcode: op, Bytes: uint32(units), Plain: true}
	p.requests = append(p.requests, planned{RequestDecl: d, file: file, writer: by})
	return traces.RequestID(len(p.requests) - 1)
}

// step is a call of the test.
func (p *Plan) step(c *litmus.Call) traces.Step {
	t := p.Test
	s := traces.Step{Context: uint16(contextIndex(t, c.Context))}
	file := -1
	if c.File != "" {
		file = fileIndex(t, c.File)
		s.File = uint16(p.files[file])
	}
	switch c.Do {
	case litmus.Submit:
		// Each request is submitted once, so that those of a batch have
		// places one after the other.
		s.Do, s.Count = traces.DoSubmit, uint32(len(c.Requests))
		for i, name := range c.Requests {
			if id := p.place(requestIndex(t, name)); i == 0 {
				s.Request = id
			}
		}
	case litmus.Cancel:
		s.Do = traces.DoCancel // of which request is drawn for each round
		if c.Context == "" {
			s.Context = uint16(max(0, contextOf(t, requestIndex(t, c.Requests[0]))))
		}
	case litmus.GetEvents:
		s.Do, s.Min, s.Max, s.Timeout = traces.DoGetEvents, int32(c.Min), int32(c.Nr), -1
		if c.Timeout {
			s.Timeout = 20 * time.Microsecond
		}
	case litmus.Reap:
		s.Do, s.Max = traces.DoReapRing, 1
	case litmus.Destroy:
		s.Do = traces.DoDestroy
	case litmus.Close:
		s.Do = traces.DoCloseRead
		if !slices.ContainsFunc(t.Requests, func(r litmus.Request) bool { return r.File == c.File && r.Op.Writes() }) {
			s.Do = traces.DoCloseWrite
		}
	case litmus.Read:
		s.Do, s.Request = traces.DoRead, p.plain(model.PRead, file, c.Bytes/unit(&t.Files[file]), machine.Program)
	case litmus.Write:
		s.Do = traces.DoWrite
		if t.Files[file].Kind != design.Eventfd {
			s.Request = p.plain(model.PWrite, file, c.Bytes/unit(&t.Files[file]), machine.Program)
		}
	}
	return s
}

// prepare adds a thread that fills and closes streams; the others wait for it.
func (p *Plan) prepare() {
	var steps []traces.Step
	for i := range p.Test.Files {
		f := &p.Test.Files[i]
		number := uint16(p.files[i])
		switch {
		case f.Kind == design.Eventfd:
			for range f.Holds {
				steps = append(steps, traces.Step{Do: traces.DoWrite, File: number})
			}
		case f.Kind.Stream() && f.Holds > 0:
			id := p.plain(model.PWrite, i, f.Holds/litmus.Unit, machine.Nobody)
			steps = append(steps, traces.Step{Do: traces.DoWrite, File: number, Request: id})
		}
		if f.NoWriter {
			steps = append(steps, traces.Step{Do: traces.DoCloseWrite, File: number})
		}
	}
	if len(steps) == 0 {
		return
	}
	steps = append(steps, traces.Step{Do: traces.DoAwait})
	for _, th := range p.threads {
		if len(th) > 0 {
			th[0].Thread, th[0].After = uint16(len(p.threads)), uint32(len(steps))
		}
	}
	p.threads = append(p.threads, steps)
}

// Threads is how many threads a program has.
func (p *Plan) Threads() int { return len(p.threads) }

// round is how many bytes of storage one round uses: every round has some of
// its own, so that reading all of it back at the end shows what each has done.
func (p *Plan) round(align int64) int64 {
	units := 0
	for _, n := range p.cells {
		units += n
	}
	return max(1, int64(units)) * align
}

// StorageBytes is how much storage so many rounds use. align is what a unit of
// storage takes: a multiple of 512 that the storage can transfer at once.
func (p *Plan) StorageBytes(rounds int, align int64) int64 { return int64(rounds) * p.round(align) }

// unitBytes is what a unit of a file takes in a program.
func (p *Plan) unitBytes(file int, align int64) int64 {
	switch p.Test.Files[file].Kind {
	case design.Pipe:
		return litmus.Unit // PIPE_BUF
	case design.Socket:
		return lineBytes // a send may be cut anywhere, and the model cuts at units
	case design.Eventfd:
		return litmus.EventfdUnit
	}
	return align
}

// place of a file's unit 0 in the storage.
func (p *Plan) base(round, file int, align int64) int64 {
	at := int64(round) * p.round(align)
	for _, n := range p.cells[:file] {
		at += int64(n) * align
	}
	return at
}

// Program is the test for the round of a number, from 0; the seed decides how
// long threads wait before their calls, and which of several requests a cancel
// names.
func (p *Plan) Program(seed uint64, round, rounds int, align int64) *traces.Program {
	rng := rand.New(rand.NewPCG(seed, uint64(round)))
	out := &traces.Program{
		Round: uint64(round), First: traces.RequestID(round*len(p.requests) + 1), End: traces.EndDrain,
		Files: append([]traces.FileDecl{{Kind: traces.Storage, Bytes: p.StorageBytes(rounds, align)}}, p.streams...),
	}
	for range p.ordered {
		out.Contexts = append(out.Contexts, traces.ContextDecl{Slots: programSlots})
	}
	for i := range p.requests {
		d := p.requests[i].RequestDecl
		file := p.requests[i].file
		d.File = uint16(p.files[file])
		d.Bytes *= uint32(p.unitBytes(file, align))
		if d.Opcode.Transfers() && !p.Test.Files[file].Kind.Stream() {
			d.Offset = p.base(round, file, align) + p.requests[i].offset*align
		}
		out.Requests = append(out.Requests, d)
	}
	for i, steps := range p.threads {
		steps = slices.Clone(steps)
		for k := range steps {
			if i == len(p.Test.Threads) {
				break // the streams are prepared at once
			}
			if steps[k].Do == traces.DoCancel {
				names := p.Test.Threads[i].Calls[k].Requests
				steps[k].Request = traces.RequestID(p.position[requestIndex(p.Test, names[rng.IntN(len(names))])])
			}
			if rng.IntN(4) > 0 {
				// Waits of every order of magnitude up to some 30 us are alike.
				steps[k].Spin = uint32(rng.IntN(1 << rng.IntN(16)))
			}
		}
		out.Threads = append(out.Threads, steps)
	}
	return out
}
