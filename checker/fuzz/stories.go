package fuzz

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// stories are what drafts are made of: a few acts in concert, each with
// contexts and streams of its own, told by thread t and others.
var stories = map[string]func(s *sketch, t int){
	"cancel":  (*sketch).cancels,
	"race":    (*sketch).race,
	"destroy": (*sketch).destroy,
	"leave":   (*sketch).leave,
	"halved":  (*sketch).halved,
	"mixed":   (*sketch).mixed,
	"storage": (*sketch).storage,
	"pool":    (*sketch).pool,
	"address": (*sketch).address,
	"frozen":  (*sketch).frozen,
	"slots":   (*sketch).slots,
	"ring":    (*sketch).ring,
	"eventfd": (*sketch).eventfd,
	"stream":  (*sketch).streams,
	"names":   (*sketch).names,
	"reused":  (*sketch).reused,
	"chdir":   (*sketch).chdir,
	"fifo":    (*sketch).fifo,
	"opens":   (*sketch).opens,
	"suid":    (*sketch).suid,
	"unborn":  (*sketch).unborn,
	"even":    (*sketch).even,
}

// threadedStories need contexts with threads, namedStories names as well.
var (
	namedStories    = map[string]bool{"names": true, "reused": true, "chdir": true, "fifo": true, "opens": true, "suid": true, "unborn": true}
	threadedStories = map[string]bool{"names": true, "reused": true, "chdir": true, "fifo": true, "opens": true, "suid": true, "unborn": true,
		"frozen": true, "pool": true, "address": true}
)

// cancelAll cancels requests of an act: by its own thread, by another beside
// it, or by both; some twice.
func (s *sketch) cancelAll(t int, c uint16, of uint16, n int) {
	by := 1 + s.n(3)
	for i := range n {
		a := Act{Do: Cancel, Context: c, Of: of, Nth: uint8(i)}
		if by&2 != 0 {
			beside := a
			beside.Beside, beside.Spin = of, s.spin()
			s.add(s.other(t), beside)
		}
		if by&1 != 0 {
			s.add(t, a)
		}
		if s.oneIn(4) {
			s.add(t, a)
		}
	}
}

// after lets the threads that executed requests execute others, which nobody
// cancels: what a cancel has left behind shows there.
func (s *sketch) after(t int, c uint16) {
	f := s.stream(false)
	s.submit(t, c, traces.RequestDecl{Opcode: model.PRead, File: f, Bytes: line})
	if s.oneIn(2) {
		s.pause(t)
	}
	s.add(t, s.feed(t, f, 1))
	s.collect(t, c)
}

// cancels submits requests that wait, cancels them before they are taken up or
// where they wait, and sees what the next requests notice.
func (s *sketch) cancels(t int) {
	c := s.context(8)
	for range 1 + s.n(2) {
		n := 1 + s.n(2)
		list := make([]traces.RequestDecl, n)
		list[0], _ = s.wait(t)
		for i := range list {
			list[i] = list[0]
		}
		of := s.submit(t, c, list...)
		if s.oneIn(2) {
			s.pause(t)
		}
		s.cancelAll(t, c, of, n)
		if s.oneIn(4) {
			s.glance(t, c, 2)
		} else {
			s.collect(t, c)
		}
	}
	if s.oneIn(2) {
		s.after(t, c)
	}
}

// race has a request end and be cancelled at the same moment.
func (s *sketch) race(t int) {
	c := s.context(8)
	for range 1 + s.n(2) {
		r, end := s.wait(t)
		of := s.submit(t, c, r)
		if s.oneIn(2) {
			s.pause(t)
		}
		beside := s.add(t, Act{Do: Mark})
		if u := s.other(t); end.Do != "" {
			end.Beside, end.Spin = beside, s.spin()
			s.add(u, end)
		}
		s.add(t, Act{Do: Cancel, Context: c, Of: of, Spin: s.spin()})
		if s.oneIn(3) {
			s.add(s.other(t), Act{Do: Cancel, Context: c, Of: of, Beside: beside, Spin: s.spin()})
		}
		s.collect(t, c)
	}
	s.after(t, c)
}

// destroy destroys a context with requests that wait, or that a thread waits
// for, once or by rivals, beside cancels.
func (s *sketch) destroy(t int) {
	c, n := s.context(12), 1+s.n(4)
	list := make([]traces.RequestDecl, n)
	for i := range list {
		if list[i], _ = s.wait(t); s.oneIn(2) {
			list[i] = s.sectors(model.PRead)
		}
	}
	of := s.submit(t, c, list...)
	if s.oneIn(3) {
		s.add(s.other(t), Act{Do: Glance, Context: c, Beside: of, Min: 8, Max: 12, Timeout: patience})
	}
	if s.oneIn(2) {
		s.pause(t)
	}
	beside := s.add(t, Act{Do: Mark})
	if s.oneIn(2) {
		s.add(s.other(t), Act{Do: Cancel, Context: c, Of: of, Nth: uint8(s.n(n)), Beside: beside, Spin: s.spin()})
	}
	if s.oneIn(2) {
		s.add(s.other(t), Act{Do: Destroy, Context: c, Beside: beside, Spin: s.spin()})
	}
	s.add(t, Act{Do: Destroy, Context: c, Spin: s.spin()})
	if s.oneIn(2) {
		s.add(t, Act{Do: Destroy, Context: c})
	}
	if s.oneIn(2) {
		s.glance(t, c, 2)
	}
	s.add(t, Act{Do: Mark})
}

// leave exits, or ends the round otherwise, with requests in flight, beside
// cancels of them.
func (s *sketch) leave(t int) {
	c, n := s.context(8), 1+s.n(4)
	list := make([]traces.RequestDecl, n)
	for i := range list {
		if list[i], _ = s.wait(t); s.oneIn(3) {
			list[i] = s.sectors([...]model.Opcode{model.PRead, model.PWrite}[s.n(2)])
		}
	}
	of := s.submit(t, c, list...)
	if s.oneIn(2) {
		s.add(s.other(t), Act{Do: Cancel, Context: c, Of: of, Nth: uint8(s.n(n)), Beside: of, Spin: s.spin()})
	}
	if s.oneIn(2) {
		s.add(t, Act{Do: Cancel, Context: c, Of: of, Nth: uint8(s.n(n))})
	}
	if s.oneIn(2) {
		s.add(s.other(t), Act{Do: Exit, Beside: of, Spin: s.spin()})
	}
}

// halved cancels a write beside it, and reads what it has written: of the
// storage, or of a stream that cannot hold it.
func (s *sketch) halved(t int) {
	c := s.context(8)
	if s.able.Threaded && s.oneIn(3) {
		f := s.stream(false)
		of := s.submit(t, c, traces.RequestDecl{Opcode: model.PWrite, File: f, Bytes: maxBytes})
		s.pause(t)
		s.cancelAll(t, c, of, 1)
		s.collect(t, c)
		s.add(t, Act{Do: CloseWrite, File: f})
		s.take(t, f, maxBytes)
		s.take(t, f, maxBytes)
		return
	}
	for range 1 + s.n(3) {
		w := s.sectors([...]model.Opcode{model.PWrite, model.PWriteV}[s.n(2)])
		w.Bytes, w.Offset = 4*sector, int64(s.n(2))*4*sector
		of := s.submit(t, c, w)
		s.cancelAll(t, c, of, 1)
		s.collect(t, c)
		w.Opcode = model.PRead
		s.submit(t, c, w)
		s.collect(t, c)
	}
}

// mixed submits anything to a context, and cancels and reaps some of it.
func (s *sketch) mixed(t int) {
	c := s.context(1 + s.n(4))
	mapped := s.oneIn(4)
	for range 2 + s.n(2) {
		n := 1 + s.n(3)
		list := make([]traces.RequestDecl, n)
		for i := range list {
			if list[i], _ = s.wait(t); s.oneIn(3) {
				list[i] = s.transfer()
			} else if s.oneIn(8) {
				list[i] = s.refused()
			}
		}
		of := s.submit(t, c, list...)
		for range s.n(3) {
			a := Act{Do: Cancel, Context: c, Of: of, Nth: uint8(s.n(n))}
			switch s.n(8) {
			case 0:
				a.Of = 0
			case 1, 2, 3:
				a.Beside = of
				s.add(s.other(t), a)
				continue
			}
			s.add(t, a)
		}
		if mapped {
			s.add(t, Act{Do: ReapRing, Context: c, Max: int32(1 + s.n(4))})
		} else {
			s.glance(t, c, 4)
		}
		if s.oneIn(3) {
			s.add(t, Act{Do: ReadEventfd})
		}
		if s.oneIn(4) {
			s.add(t, Act{Do: Cancel, Context: c, Of: of, Nth: uint8(s.n(n))})
		}
	}
}

// refused is a request that io_submit does not accept.
func (s *sketch) refused() traces.RequestDecl {
	if s.oneIn(2) {
		return traces.RequestDecl{Opcode: 4} // reserved
	}
	return traces.RequestDecl{Opcode: model.FDSync, File: fileAwaited}
}

// storage writes and reads the same few sectors.
func (s *sketch) storage(t int) {
	c := s.context(8)
	for range 1 + s.n(3) {
		list := make([]traces.RequestDecl, 1+s.n(3))
		for i := range list {
			list[i] = s.transfer()
			if s.oneIn(16) {
				list[i].Bytes -= line * uint32(1+s.n(6))
			}
		}
		s.submit(t, c, list...)
		s.collect(t, c)
	}
	if s.oneIn(2) { // what an event says has been written
		w := s.sectors(model.PWrite)
		s.submit(t, c, w)
		s.collect(t, c)
		w.Opcode = model.PRead
		s.submit(t, c, w)
		s.collect(t, c)
	}
}
