package checker

import "aiocheck/traces"

// judgeStorage judges the storage and the streams.
func judgeStorage(h *traces.History, b *budget) []Verdict { return nil }
