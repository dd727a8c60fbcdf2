package checker

import "aiocheck/traces"

func queuedWhenCancelled(h *traces.History) []traces.RequestID { return nil }
