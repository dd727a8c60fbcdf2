package machine

// Canonical is the least state among those that differ from s only in the
// names of interchangeable requests, workers and callers.
func (m *Machine) Canonical(s *State) State { return *s }
