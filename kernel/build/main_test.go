package build_test

import (
	"testing"

	"go.uber.org/goleak"

	"aiocheck/kernel/qemu"
)

func TestMain(m *testing.M) {
	qemu.MaybeInit()
	goleak.VerifyTestMain(m)
}
