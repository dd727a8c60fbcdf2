// Package litmus is the text format of litmus tests: a few threads of AIO
// calls, the files, pipes and contexts that they begin with, and conditions on
// the outcome, in the tradition of the tests of memory models (Alglave,
// Maranget, Tautschnig, "Herding Cats", 2014). docs/litmus.md has the grammar.
//
// A test names files, pipes and sizes as a program on a kernel would. A size
// is in bytes; a model that counts in units takes Unit bytes for one of them.
package litmus
