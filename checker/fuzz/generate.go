package fuzz

import (
	"math/bits"
	"time"

	"pgregory.net/rapid"

	"aiocheck/model"
	"aiocheck/traces"
)

// Drafts generates drafts by a profile, for targets that are able to do so
// much.
func Drafts(p *Profile, able traces.Abilities) *rapid.Generator[*Draft] {
	told := p.Stories
	if !able.Threaded || !able.Names {
		told = map[string]int{}
		for k, w := range p.Stories {
			if !threadedStories[k] || able.Threaded && !namedStories[k] {
				told[k] = w
			}
		}
		if len(told) == 0 {
			told["mixed"] = 1
		}
	}
	g := &generator{
		stories: choices(told, sortedKeys(stories)),
		ends:    choices(p.Ends, []traces.End{traces.EndDrain, traces.EndDestroy, traces.EndExit, traces.EndKill}),
		waits:   choices(p.Waiting, sortedKeys(waits)),
		able:    able,
	}
	return rapid.Custom(func(t *rapid.T) *Draft {
		s := &sketch{generator: g, t: t, d: &Draft{}}
		s.draw()
		return s.d
	})
}

// generator is a profile made ready.
type generator struct {
	stories choice[string]
	ends    choice[traces.End]
	waits   choice[string]
	able    traces.Abilities
}

// sketch is a draft that is being drawn.
type sketch struct {
	*generator
	t     *rapid.T
	d     *Draft
	named bool // it has the tables of names
	froze bool // a story freezes the file system
}

// coin is a bit of rapid's that is not biased, unlike its numbers.
var coin = rapid.Bool()

// n draws a number from 0 to k-1, almost evenly.
func (s *sketch) n(k int) int {
	if k <= 1 {
		return 0
	}
	b := bits.Len(uint(k-1)) + 3
	v := 0
	for range b {
		v = v<<1 | btoi(coin.Draw(s.t, "bit"))
	}
	return v * k >> b
}

// oneIn is true once in k draws.
func (s *sketch) oneIn(k int) bool { return s.n(k) == k-1 }

// draw draws the whole draft: one to three stories, told by few threads.
func (s *sketch) draw() {
	d := s.d
	d.Threads = 1 + s.n(MaxThreads)
	d.Files = []traces.FileDecl{{Kind: traces.Storage}, {Kind: traces.Eventfd}, {Kind: traces.Eventfd}}
	d.End = s.ends.at(s.n(s.ends.sum))
	if s.oneIn(3) {
		for range d.Threads {
			d.Processors = append(d.Processors, uint16(1+s.n(2)))
		}
	}
	for n := 1 + s.n(3); n > 0 && d.requests() < 10 && len(d.Acts) < MaxActs/2; n-- {
		stories[s.stories.at(s.n(s.stories.sum))](s, s.n(d.Threads))
	}
	if s.oneIn(4) {
		s.interleave()
	}
}

// add appends an act and returns its ID.
func (s *sketch) add(t int, a Act) uint16 {
	a.ID, a.Thread = uint16(len(s.d.Acts)+1), uint8(t)
	if a.Spin == 0 && s.oneIn(4) {
		a.Spin = s.spin()
	}
	s.d.Acts = append(s.d.Acts, a)
	return a.ID
}

// spin is a delay of up to some 10 µs, mostly short.
func (s *sketch) spin() uint32 { return uint32(s.n(2 << (2 * s.n(7)))) }

// interleave moves some acts up in the list, within their thread's order.
func (s *sketch) interleave() {
	acts := s.d.Acts
	for range 3 {
		if i := s.n(len(acts)); i > 0 && acts[i-1].Thread != acts[i].Thread && acts[i].Beside != acts[i-1].ID && acts[i].Of != acts[i-1].ID {
			acts[i-1], acts[i] = acts[i], acts[i-1]
		}
	}
}

// other is another thread than t; t if there is none.
func (s *sketch) other(t int) int {
	if s.d.Threads < 2 {
		return t
	}
	return (t + 1 + s.n(s.d.Threads-1)) % s.d.Threads
}

// context adds a context for n requests.
func (s *sketch) context(n int) uint16 {
	s.d.Contexts = append(s.d.Contexts, traces.ContextDecl{Slots: uint32(n)})
	return uint16(len(s.d.Contexts) - 1)
}

// stream adds a pipe or a pair of sockets.
func (s *sketch) stream(nonblock bool) uint16 {
	kind := traces.Pipe
	if s.oneIn(4) {
		kind = traces.Socket
	}
	s.d.Files = append(s.d.Files, traces.FileDecl{Kind: kind, Nonblock: nonblock})
	return uint16(len(s.d.Files) - 1)
}

// submit submits requests as one batch.
func (s *sketch) submit(t int, c uint16, list ...traces.RequestDecl) uint16 {
	for i := range list {
		if s.oneIn(4) {
			list[i].Eventfd = fileComplete + 1
		}
	}
	return s.add(t, Act{Do: Submit, Context: c, Requests: list})
}

// pause lets a thread sleep until others are where they wait.
func (s *sketch) pause(t int) { s.add(t, Act{Do: Pause, Timeout: 2 * time.Millisecond}) }

func (s *sketch) collect(t int, c uint16) {
	a := Act{Do: Collect, Context: c}
	if s.oneIn(4) {
		a.Timeout = -1
	}
	s.add(t, a)
}

// glance takes up to n events, waiting a moment at most.
func (s *sketch) glance(t int, c uint16, n int) {
	s.add(t, Act{Do: Glance, Context: c, Min: int32(s.n(n + 1)), Max: int32(n), Nth: uint8(s.n(2)),
		Timeout: [...]time.Duration{0, time.Microsecond, 20 * time.Microsecond}[s.n(3)]})
}

// feed writes lines to a stream.
func (s *sketch) feed(t int, f uint16, lines int) Act {
	return Act{Do: Feed, File: f, Requests: []traces.RequestDecl{{Opcode: model.PWrite, File: f, Bytes: uint32(lines) * line}}}
}

func (s *sketch) take(t int, f uint16, bytes uint32) {
	s.add(t, Act{Do: Take, File: f, Requests: []traces.RequestDecl{{Opcode: model.PRead, File: f, Bytes: bytes}}})
}

// sectors is a transfer of one to four sectors, most of them in the first
// eight.
func (s *sketch) sectors(op model.Opcode) traces.RequestDecl {
	n := 1 + s.n(4)
	most := windowSectors
	if !s.oneIn(4) {
		most /= 2
	}
	d := traces.RequestDecl{Opcode: op, Bytes: uint32(n) * sector, Offset: int64(s.n(most-n+1)) * sector, Segments: 1}
	if op == model.PReadV || op == model.PWriteV {
		d.Segments = uint8(1 + s.n(4))
	}
	return d
}

var transfers = [...]model.Opcode{model.PRead, model.PWrite, model.PReadV, model.PWriteV}

// transfer is any transfer of the storage.
func (s *sketch) transfer() traces.RequestDecl { return s.sectors(transfers[s.n(4)]) }

// waits are what a request that is cancelled waits for. Each gives the request
// and, if there is one, the act that ends it from outside.
var waits = map[string]func(*sketch, int) (traces.RequestDecl, Act){
	"read": func(s *sketch, t int) (traces.RequestDecl, Act) {
		f := s.stream(false)
		return traces.RequestDecl{Opcode: model.PRead, File: f, Bytes: line}, s.feed(t, f, 1)
	},
	"poll": func(s *sketch, t int) (traces.RequestDecl, Act) {
		f := s.stream(s.oneIn(2))
		return traces.RequestDecl{Opcode: model.Poll, File: f, Offset: pollIn}, s.feed(t, f, 1)
	},
	"pollout": func(s *sketch, t int) (traces.RequestDecl, Act) {
		f := s.stream(s.oneIn(2))
		return traces.RequestDecl{Opcode: model.Poll, File: f, Offset: pollOut}, Act{Do: CloseRead, File: f}
	},
	"awaited": func(s *sketch, t int) (traces.RequestDecl, Act) {
		return traces.RequestDecl{Opcode: model.Poll, File: fileAwaited, Offset: pollIn}, Act{Do: Feed, File: fileAwaited}
	},
	"big": func(s *sketch, t int) (traces.RequestDecl, Act) {
		f := s.stream(false)
		return traces.RequestDecl{Opcode: model.PWrite, File: f, Bytes: maxBytes}, Act{Do: CloseRead, File: f}
	},
	"storage": func(s *sketch, t int) (traces.RequestDecl, Act) { return s.transfer(), Act{} },
	"sync": func(s *sketch, t int) (traces.RequestDecl, Act) {
		return traces.RequestDecl{Opcode: [...]model.Opcode{model.FSync, model.FDSync}[s.n(2)]}, Act{}
	},
	"ahead": func(s *sketch, t int) (traces.RequestDecl, Act) {
		if !s.able.Threaded {
			return s.transfer(), Act{}
		}
		return traces.RequestDecl{Opcode: model.ReadAhead, Bytes: 4096, Offset: int64(s.n(2)) * 4096}, Act{}
	},
	"name": func(s *sketch, t int) (traces.RequestDecl, Act) {
		if !s.able.Threaded || !s.able.Names {
			return s.transfer(), Act{}
		}
		return s.name(), Act{}
	},
	"fifo": func(s *sketch, t int) (traces.RequestDecl, Act) {
		if !s.able.Threaded || !s.able.Names {
			return s.transfer(), Act{}
		}
		s.layNames()
		return traces.RequestDecl{Opcode: model.OpenAt, File: s.directory(), Name: nameFifo, Flags: uint32(s.n(2)) * oWrOnly}, Act{}
	},
}

// wait draws a request that may wait, and what ends it; Do is "" if nothing
// from outside does.
func (s *sketch) wait(t int) (traces.RequestDecl, Act) {
	return waits[s.waits.at(s.n(s.waits.sum))](s, t)
}
