// Package roles makes a program that imports it a guest's init, or a runner,
// if it was started as one. It does so while packages are initialised, not in
// main: Go initialises packages that do not depend on each other in the order
// of their import paths, so that this one comes before large dependencies of
// the rest of the program. Graphviz alone compiles WebAssembly for half a
// minute when it is initialised in an emulated guest.
package roles

import (
	"aiocheck/kernel"
	"aiocheck/kernel/qemu"
)

func init() {
	qemu.MaybeInit()
	kernel.MaybeRunner()
}
