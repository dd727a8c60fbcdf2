// Package sim runs programs on a simulated kernel in virtual time. The target
// does what mainline Linux AIO does (fs/aio.c of 6.1), one atomic step at a
// time in an order drawn from a seed, and records what a program would see
// with the records that a real target uses. On demand it misbehaves in one of
// the ways of Misbehaviours, to prove that a checker finds it.
//
// Everything happens in one goroutine and depends on nothing but Config and
// the programs: the same seed gives the same records.
package sim
