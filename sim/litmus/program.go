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
	p.layOutFiles()
	p.position = make([]int, len(t.Requests))
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
	p.end, p.released = traces.EndDrain, -1
	switch {
	case p.exits >= 0:
		p.end = traces.EndExit
	case p.waits:
		p.end = traces.EndDestroy
	}
	p.help()
}

// layOutFiles declares the files and names of a round.
func (p *Plan) layOutFiles() {
	t := p.Test
	p.files = make([]int, len(t.Files))
	for i := range t.Files {
		f := &t.Files[i]
		var d traces.FileDecl
		switch f.Kind {
		case design.Pipe:
			d.Kind = traces.Pipe
			if f.Bytes > 0 && f.Bytes < p.written(f) {
				d.Bytes = f.Bytes
			}
		case design.Socket:
			d.Kind = traces.Socket
		case design.Eventfd:
			d.Kind = traces.Eventfd
		case design.Directory:
			d.Kind = traces.Directory
		default:
			p.Direct = f.Kind == design.DirectIO
			continue // file 0
		}
		p.files[i] = p.declare(d)
	}
	// The eventfd that requests signal.
	if slices.ContainsFunc(t.Requests, func(r litmus.Request) bool { return r.Eventfd }) {
		p.declare(traces.FileDecl{Kind: traces.Eventfd})
	}
	p.layOutNames()
}

// declare adds a file to the round and returns its number.
func (p *Plan) declare(d traces.FileDecl) int {
	p.declared = append(p.declared, d)
	return len(p.declared)
}

// closed is the number of a file whose descriptors are closed before a round
// begins.
func (p *Plan) closed() int {
	if p.shut == 0 {
		p.shut = p.declare(traces.FileDecl{Kind: traces.Pipe})
	}
	return p.shut
}

// signalled is the number of the last eventfd, the one that requests signal.
func (p *Plan) signalled() (number int) {
	for i, d := range p.declared {
		if d.Kind == traces.Eventfd {
			number = i + 1
		}
	}
	return number
}

// place gives request i of the test its place in the program.
func (p *Plan) place(i int) traces.RequestID {
	if p.position[i] < 0 {
		r := &p.Test.Requests[i]
		file := fileIndex(p.Test, r.File)
		f := &p.Test.Files[file]
		d := planned{RequestDecl: traces.RequestDecl{Opcode: r.Op}, file: file, writer: machine.Writer(i)}
		if r.Op.Transfers() || r.Op == model.ReadAhead {
			d.Bytes, d.offset = uint32(r.Bytes/unit(f)), r.Offset/unit(f)
			if r.Op == model.PReadV || r.Op == model.PWriteV {
				d.Segments = 1
			}
		}
		if r.Op == model.Poll {
			d.Offset = pollIn
		}
		if r.Eventfd {
			d.Eventfd = uint16(p.signalled()) + 1
		}
		if r.NoFile && !r.Op.Names() {
			d.other = p.closed()
		}
		if p.setuid(r) {
			d.other, d.Name = p.directory(), p.named[i].at
		}
		p.name(i, &d.RequestDecl)
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
	case litmus.Exit:
		s = traces.Step{Do: traces.DoExit}
	case litmus.Rewrite:
		// Which request it is of is known once all have their places.
		s = traces.Step{Do: traces.DoReuse, Name: p.named[requestIndex(t, c.Requests[0])].other}
	case litmus.Chdir:
		s = traces.Step{Do: traces.DoChdir, File: uint16(p.elsewhere())}
	}
	return s
}

// Threads is how many threads a program has.
func (p *Plan) Threads() int { return len(p.threads) }

// round is how many bytes of storage one round uses: every round has some of
// its own, so that reading all of it back at the end shows what each has done.
func (p *Plan) round() int64 {
	units := 0
	for file := range p.cells {
		units += p.extent(file)
	}
	// Pages are not shared between rounds.
	page := int64(litmus.Unit)
	return max(1, (int64(units)*p.unit+page-1)/page) * page
}

// StorageBytes is how much storage so many rounds use.
func (p *Plan) StorageBytes(rounds int) int64 { return int64(rounds) * p.round() }

// unitBytes is what a unit of a file takes in a program.
func (p *Plan) unitBytes(file int) int64 {
	switch p.Test.Files[file].Kind {
	case design.Pipe:
		return litmus.Unit // PIPE_BUF
	case design.Socket:
		return lineBytes // a send may be cut anywhere, and the model cuts at units
	case design.Eventfd:
		return litmus.EventfdUnit
	}
	return p.unit
}

// base is the place of a file's unit 0 in the storage.
func (p *Plan) base(round, file int) int64 {
	at := int64(round) * p.round()
	for before := range file {
		at += int64(p.extent(before)) * p.unit
	}
	return at
}

// extent is how many units of the storage a file is: what is written and read
// there, and what is read ahead.
func (p *Plan) extent(file int) int {
	units := p.cells[file]
	for i := range p.Test.Requests {
		r := &p.Test.Requests[i]
		if r.Op == model.ReadAhead && fileIndex(p.Test, r.File) == file && p.onStorage(file) {
			units = max(units, int((r.Offset+r.Bytes)/litmus.Unit))
		}
	}
	return units
}

// Instance says how a round runs a plan.
type Instance struct {
	Round  int    // from 0: its place in the run
	Seed   uint64 // with Draw: how long threads wait before their calls, and which of several requests a cancel names
	Draw   uint64
	Settle time.Duration // how long what may never come is waited for
}

// Program is the test for one round of so many.
func (p *Plan) Program(in Instance, rounds int) *traces.Program {
	rng := rand.New(rand.NewPCG(in.Seed, in.Draw))
	out := &traces.Program{
		Round: uint64(in.Round), First: traces.RequestID(in.Round*len(p.requests) + 1), End: p.end,
		Files: append([]traces.FileDecl{{Kind: traces.Storage, Bytes: p.StorageBytes(rounds)}}, p.declared...),
		Names: p.names, Identity: p.identity, Processors: p.placed(rng),
	}
	for c := range p.contexts() {
		slots := uint32(programSlots)
		if c < len(p.full) && p.full[c] {
			slots = 1
		}
		out.Contexts = append(out.Contexts, traces.ContextDecl{Slots: slots})
	}
	for i := range p.requests {
		d := p.requests[i].RequestDecl
		file := p.requests[i].file
		if d.File = uint16(p.files[file]); p.requests[i].other > 0 {
			d.File = uint16(p.requests[i].other)
		}
		d.Bytes *= uint32(p.unitBytes(file))
		if (d.Opcode.Transfers() || d.Opcode == model.ReadAhead) && p.onStorage(file) && p.requests[i].other == 0 {
			d.Offset = p.base(in.Round, file) + p.requests[i].offset*p.unit
		}
		out.Requests = append(out.Requests, d)
	}
	for i, steps := range p.threads {
		steps = slices.Clone(steps)
		for k := range steps {
			s := &steps[k]
			switch {
			case i == len(p.Test.Threads): // the helper is in no hurry, and in no race
				if s.Do == traces.DoGetEvents && s.Timeout == settles {
					s.Timeout = in.Settle
				}
				continue
			case s.Do == traces.DoCancel || s.Do == traces.DoReuse:
				names := p.Test.Threads[i].Calls[k].Requests
				s.Request = traces.RequestID(p.position[requestIndex(p.Test, names[rng.IntN(len(names))])])
			}
			if k == 0 && i != p.leader() && p.leader() >= 0 && rng.IntN(2) == 0 {
				// Meet the first submission, not only the beginning.
				s.Thread, s.After = uint16(p.leader()), 1
			}
			if rng.IntN(4) > 0 {
				// Waits of every order of magnitude are alike.
				s.Spin = uint32(rng.IntN(1 << rng.IntN(p.Kernel.Patience+1)))
			}
		}
		out.Threads = append(out.Threads, steps)
	}
	return out
}

// placed puts the threads anywhere, all on one processor, or each on one.
func (p *Plan) placed(rng *rand.Rand) (processors []uint16) {
	n := p.Kernel.Processors
	if p.Single {
		n = 1
	}
	how := rng.IntN(3)
	if n < 2 || how == 0 {
		return nil
	}
	one := 1 + rng.IntN(n)
	for range p.threads {
		if how == 2 {
			one = 1 + rng.IntN(n)
		}
		processors = append(processors, uint16(one))
	}
	return processors
}

// leader is the first thread that begins with a submission, or -1.
func (p *Plan) leader() int {
	return slices.IndexFunc(p.Test.Threads, func(th litmus.Thread) bool { return len(th.Calls) > 0 && th.Calls[0].Do == litmus.Submit })
}
