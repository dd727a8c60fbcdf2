// Package litmus runs litmus tests in the model: it makes a machine of a test
// under a design, explores all of it, and judges the test's conditions by the
// outcomes found.
package litmus
