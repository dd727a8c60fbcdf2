package qemu

import (
	"testing"

	"go.uber.org/goleak"

	"aiocheck/kernel"
)

func TestMain(m *testing.M) {
	MaybeInit()
	kernel.MaybeRunner()
	goleak.VerifyTestMain(m)
}
