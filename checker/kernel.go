package checker

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// guestTarget is the target whose console is watched; see traces.Header.
const guestTarget = "qemu"

// judgeKernel says whether a guest's kernel found fault with itself. Of other
// targets, and of a trace that was cut before the console was looked at,
// nothing is known.
func judgeKernel(h *traces.History) (Verdict, bool) {
	if h.Header.Target != guestTarget || h.Cut != nil {
		return Verdict{}, false
	}
	v := Verdict{Property: model.KernelQuiet, Outcome: Holds, Instances: 1}
	for _, line := range h.Ending.Kernel {
		v.Outcome = Violated
		v.Violations++
		v.Instances = max(v.Instances, v.Violations)
		if len(v.Findings) < maxFindings {
			v.Findings = append(v.Findings, Finding{Property: v.Property.Name, Summary: "the kernel's console says: " + line,
				Expected: "a kernel without a word on itself, whatever programs do", File: traces.None})
		}
	}
	return v, true
}
