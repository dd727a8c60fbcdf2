package sim

import "aiocheck/traces"

// TakeLogs hands over the records since the last call, one log for each
// thread and the controller's last. The target goes on with empty logs, so a
// long run needs no more memory than its longest round.
func (t *Target) TakeLogs() []traces.Log {
	taken := t.Logs()
	for i := range t.logs {
		t.logs[i] = &traces.Log{}
	}
	t.control = nil
	return taken
}
