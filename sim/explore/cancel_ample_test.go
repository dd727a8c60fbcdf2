package explore

// Ample takes one step, or all steps of one worker, with which whatever the
// others can do before it commutes, also under every bug: it looks at where
// everybody is and does not trust the lock. Why each is right:
//
//   - S7, W2, W9 change what nobody reads but the actor that goes on after them.
//   - C7 opens the lock, for which others can only wait.
//   - W14 and W15 meet only a canceller that is about to signal this worker,
//     and, while the request is on the list, one that can come to that.
//   - S6, W4, W5, W6 and W8 of a request meet only cancellers that have not
//     chosen yet, or have chosen it; W8 also all that hold the lock.
//   - C5 and C6e can be told from the other order only while the request may
//     still run.
func (m cancel) Ample(s *State, succ []Successor) []Successor {
	for i := range succ {
		t := succ[i].Step
		r := int(t.Object)
		alone := false
		switch t.Kind {
		case kS7, kW2, kW9, kC7:
			alone = true
		case kW14:
			alone = !m.touches(s, r) || !m.aimed(s, r) && request(s, r)&7 == posted
		case kW15:
			alone = !m.aimed(s, r) && workerOf(s, int(t.Actor)-1)>>6 == 0
		case kS6, kW4a, kW4b:
			alone = !m.touches(s, r)
		case kW8:
			alone = m.quietEnd(s)
		case kC5, kC6e:
			alone = request(s, r)&7 >= returned
		case kW5, kW6:
			if !m.touches(s, r) {
				n := 1
				if i+1 < len(succ) && succ[i+1].Step.Actor == t.Actor {
					n = 2
				}
				return succ[i : i+n]
			}
		}
		if alone {
			return succ[i : i+1]
		}
	}
	return succ
}

// aimed reports whether a canceller may still signal the worker of r.
func (m cancel) aimed(s *State, r int) bool {
	for c := range m.cancellers {
		v := cancellerOf(s, c)
		if place := v & 7; int(v>>3&7) == r && (place == afterC3 || place == wasLate) {
			return true
		}
	}
	return false
}

// touches reports whether a canceller may still do anything to r.
func (m cancel) touches(s *State, r int) bool {
	for c := range m.cancellers {
		v := cancellerOf(s, c)
		if place := v & 7; place == notYet || int(v>>3&7) == r && place < afterC6 {
			return true
		}
	}
	return false
}

// quietEnd reports whether all cancellers have ended.
func (m cancel) quietEnd(s *State) bool {
	for c := range m.cancellers {
		if cancellerOf(s, c)&7 != afterC7 {
			return false
		}
	}
	return true
}
