package qemu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A microvm is for kernels that are known to boot there, and for hosts with a
// clock for it.
func TestMachineFor(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	image, elf := write("bzImage", ""), write("vmlinux", "")
	full := "CONFIG_PVH=y\nCONFIG_" + strings.Join(microvmNeeds, "=y\nCONFIG_") + "=y\n"
	tsc, jiffies := write("tsc", "tsc\n"), write("jiffies", "refined-jiffies\n")
	for _, c := range []struct{ name, settings, accel, clock, machine, kernel, params string }{
		{"ours", full, "tcg", tsc, "microvm,acpi=off", elf, "tsc_early_khz="},
		{"ours with KVM", full, "kvm", jiffies, "microvm,acpi=off", elf, ""},
		{"ours without PVH", strings.Replace(full, "PVH=y", "PVH=n", 1), "kvm", tsc, "microvm,acpi=off", image, ""},
		{"the host has no clock", full, "tcg", jiffies, "pc", image, "no_timer_check"},
		{"modules", strings.Replace(full, "VIRTIO_MMIO=y", "VIRTIO_MMIO=m", 1), "tcg", tsc, "pc", image, "tsc=reliable"},
	} {
		write("config", c.settings)
		got := machineFor(image, c.accel, c.clock, false)
		if got.name != c.machine || got.kernel != c.kernel || !strings.Contains(got.params, c.params) || (c.params == "") != (got.params == "") {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	// Its clock is not the host's.
	if got := machineFor(image, "tcg", jiffies, true); got.name != "microvm,acpi=off" && got.name != "pc" || !strings.Contains(got.params, "tsc_early_khz=1000000 ") {
		t.Errorf("deterministic: %+v", got)
	}
	if got := machineFor(write("vmlinuz-6.1", ""), "kvm", tsc, false); got.name != "pc" {
		t.Errorf("another image beside that configuration: %+v", got)
	}
}
