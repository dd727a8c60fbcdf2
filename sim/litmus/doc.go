// Package litmus runs litmus tests in the model: it makes a machine of a test
// under a design, explores all of it, and judges the test's conditions by the
// outcomes found. A Plan is a test as programs for a target, with the outcomes
// that the model allows; what a run of them showed is compared with these.
package litmus
