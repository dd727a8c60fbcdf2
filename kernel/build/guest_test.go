//go:build guest

package build_test

import (
	"context"
	"testing"

	"aiocheck/kernel/build"
	"aiocheck/kernel/qemu"
)

// What is built boots, and is the kernel that it says it is. The kernels are
// those of the user's cache: the first time this takes as long as a build.
func TestBootsWhatItBuilds(t *testing.T) {
	cache, err := build.UserCache()
	if err != nil {
		t.Fatal(err)
	}
	image, _, err := cache.Build(context.Background(), build.Options{Variant: "plain", Unpatched: true,
		Phase: func(what string) { t.Log(what) }, Progress: func(int, int) {}})
	if err != nil {
		t.Fatal(err)
	}
	guest, err := qemu.Boot(context.Background(), qemu.Config{Kernel: image.BzImage(), Memory: 512 << 20, CPUs: 2})
	if err != nil {
		t.Fatal(err)
	}
	if got := guest.Hello.Kernel.Release; got != image.Release {
		t.Errorf("booted %s, built %s", got, image.Release)
	}
	if reports := guest.Reports(); len(reports) > 0 {
		t.Errorf("the kernel reports %v", reports)
	}
	if err := guest.Close(); err != nil {
		t.Error(err)
	}
}
