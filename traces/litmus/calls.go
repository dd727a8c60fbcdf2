package litmus

// CallName is a call as conditions name it: "T0.cancel2".
func (t *Test) CallName(thread, call int) string {
	calls := t.Threads[thread].Calls
	ref := CallRef{Thread: t.Threads[thread].Name, Do: calls[call].Do}
	for _, c := range calls[:call+1] {
		if c.Do == ref.Do {
			ref.N++
		}
	}
	return ref.text(t)
}

// FindCall is the inverse of CallName; both indices are -1 if there is no such
// call.
func (t *Test) FindCall(ref CallRef) (thread, call int) {
	for i, th := range t.Threads {
		n := 0
		for c := range th.Calls {
			if th.Name == ref.Thread && th.Calls[c].Do == ref.Do {
				if n++; n == ref.N {
					return i, c
				}
			}
		}
	}
	return -1, -1
}
