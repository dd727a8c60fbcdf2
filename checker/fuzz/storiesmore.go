package fuzz

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// pool lets requests wait for another that is submitted behind them.
func (s *sketch) pool(t int) {
	n := 2 + s.n(4)
	c, f := s.context(2*n), s.stream(false)
	list := make([]traces.RequestDecl, n)
	for i := range list {
		list[i] = traces.RequestDecl{Opcode: model.PRead, File: f, Bytes: line}
	}
	s.submit(t, c, list...)
	s.submit(t, c, s.sectors(model.PRead), traces.RequestDecl{Opcode: model.PWrite, File: f, Bytes: line * uint32(n)})
	s.collect(t, c)
}

// address has two requests in flight that share an iocb, and cancels the
// younger.
func (s *sketch) address(t int) {
	c := s.context(4)
	first, end := s.wait(t)
	second, _ := s.wait(t)
	old := s.submit(t, c, first)
	if s.oneIn(2) {
		s.pause(t)
	}
	of := s.add(t, Act{Do: Submit, Context: c, Of: old, Requests: []traces.RequestDecl{second}})
	s.add(t, Act{Do: Cancel, Context: c, Of: of, Spin: s.spin()})
	s.glance(t, c, 2)
	if end.Do != "" && s.oneIn(2) {
		s.add(t, end)
		s.glance(t, c, 2)
	}
}

// frozen freezes the file system, submits writes, cancels some, reads what
// they should not have written, and thaws. One thread does so.
func (s *sketch) frozen(t int) {
	if s.froze || !s.able.Freeze {
		s.halved(t)
		return
	}
	s.froze = true
	if s.d.End != traces.EndDestroy {
		s.d.End = traces.EndDrain // nobody else would thaw
	}
	s.d.Identity = nil
	c, reader, n := s.context(16), s.context(4), 2+s.n(4)
	list := make([]traces.RequestDecl, n)
	for i := range list {
		list[i] = s.sectors([...]model.Opcode{model.PWrite, model.PWriteV}[s.n(2)])
	}
	s.add(t, Act{Do: Freeze})
	of := s.submit(t, c, list...)
	for i := n - 1 - s.n(2); i >= n/2; i-- {
		s.add(t, Act{Do: Cancel, Context: c, Of: of, Nth: uint8(i)})
	}
	s.glance(t, c, n)
	read := traces.RequestDecl{Opcode: model.PRead, Bytes: 8 * sector}
	for range 2 {
		s.submit(t, reader, read)
		s.pause(t)
		s.glance(t, reader, 1)
		s.glance(t, c, n)
	}
	s.add(t, Act{Do: Thaw})
	s.glance(t, c, n)
}

// slots fills a context, has requests refused, makes room and submits again.
func (s *sketch) slots(t int) {
	c := s.context(1 + s.n(2))
	if s.oneIn(2) {
		for range 2 + s.n(3) {
			s.submit(t, c, s.refused())
		}
	}
	poll := traces.RequestDecl{Opcode: model.Poll, File: fileAwaited, Offset: pollIn}
	mapped := s.oneIn(2)
	for range 3 + s.n(3) {
		of := s.submit(t, c, poll)
		if s.oneIn(2) {
			of = s.submit(t, c, s.sectors(model.PRead))
		}
		if s.oneIn(2) {
			s.add(t, Act{Do: Cancel, Context: c, Of: of})
		}
		if mapped {
			s.add(t, Act{Do: ReapRing, Context: c, Max: int32(1 + s.n(3))})
		} else if s.oneIn(3) {
			s.glance(t, c, 2)
		}
	}
}

// ring reaps in user space only.
func (s *sketch) ring(t int) {
	c := s.context(1 + s.n(3))
	for range 2 + s.n(3) {
		of := s.submit(t, c, s.transfer())
		r, end := s.wait(t)
		second := s.submit(t, c, r)
		if end.Do != "" && s.oneIn(2) {
			s.add(t, end)
		}
		if s.oneIn(2) {
			s.add(t, Act{Do: Cancel, Context: c, Of: [...]uint16{of, second}[s.n(2)]})
		}
		s.add(t, Act{Do: ReapRing, Context: c, Max: int32(1 + s.n(4))})
	}
}

// eventfd looks at the eventfd before it reaps: what it says has to be there.
func (s *sketch) eventfd(t int) {
	c := s.context(8)
	for range 1 + s.n(2) {
		r, end := s.wait(t)
		r.Eventfd = fileComplete + 1
		w := s.transfer()
		w.Eventfd = fileComplete + 1
		of := s.submit(t, c, r, w)
		if end.Do != "" && s.oneIn(2) {
			s.add(t, end)
		} else {
			s.add(t, Act{Do: Cancel, Context: c, Of: of})
		}
		s.add(t, Act{Do: ReadEventfd})
		s.glance(t, c, 8)
	}
	s.add(t, Act{Do: ReadEventfd})
	s.glance(t, c, 8)
}

// streams has requests and calls read and write one stream, and closes it.
func (s *sketch) streams(t int) {
	c, f := s.context(8), s.stream(true)
	for range 3 + s.n(4) {
		u := t
		if s.oneIn(3) {
			u = s.other(t)
		}
		switch s.n(6) {
		case 0, 1:
			s.submit(t, c, traces.RequestDecl{Opcode: model.PWrite, File: f, Bytes: line * uint32(1+s.n(6))})
		case 2, 3:
			s.submit(t, c, traces.RequestDecl{Opcode: model.PRead, File: f, Bytes: line * uint32(1+s.n(6))})
		case 4:
			s.add(u, s.feed(u, f, 1+s.n(6)))
		default:
			s.take(u, f, line*uint32(1+s.n(6)))
		}
		if s.oneIn(3) {
			s.glance(t, c, 4)
		}
	}
	s.take(t, f, 8*line)
	if s.oneIn(6) {
		s.add(s.other(t), Act{Do: [...]Verb{CloseRead, CloseWrite}[s.n(2)], File: f})
	}
	s.glance(t, c, 8)
}

// even draws acts one by one, each of its parts by itself.
func (s *sketch) even(t int) {
	for len(s.d.Contexts) < 2 {
		s.context(1 + s.n(8))
	}
	f := s.stream(s.oneIn(2))
	if s.able.Names && s.able.Threaded && s.oneIn(2) {
		s.layNames()
	}
	for range 4 + s.n(8) {
		a := Act{Do: verbs[s.n(len(verbs))], Context: uint16(s.n(len(s.d.Contexts))), Of: uint16(s.n(len(s.d.Acts) + 1)), Nth: uint8(s.n(2)),
			File: uint16(s.n(len(s.d.Files))), Name: uint16(s.n(len(s.d.Names) + 1)), Min: int32(s.n(3)), Max: int32(1 + s.n(4))}
		if s.oneIn(2) { // as often as all else together
			a.Do = [...]Verb{Submit, Cancel, Glance, Collect}[s.n(4)]
		}
		if a.Do == Submit {
			a.Of = 0
		}
		for range 1 + s.n(3) {
			r, _ := s.wait(t)
			if s.oneIn(3) {
				r = traces.RequestDecl{Opcode: [...]model.Opcode{model.PRead, model.PWrite, model.Poll}[s.n(3)], File: f, Bytes: line, Offset: pollIn}
				if r.Opcode != model.Poll {
					r.Offset = 0
				}
			} else if s.oneIn(8) {
				r = s.refused()
			}
			a.Requests = append(a.Requests, r)
		}
		s.add(s.n(s.d.Threads), a)
	}
}
