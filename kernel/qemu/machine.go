package qemu

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// machine is what kind of computer QEMU makes for a kernel.
type machine struct {
	name   string // QEMU's
	bus    string // how the names of its virtio devices end
	kernel string // the image to load
	params string // kernel parameters that it needs
}

// microvmNeeds are the settings of a kernel without which it does not find
// its devices or its second processor on a microvm without ACPI.
var microvmNeeds = []string{"VIRTIO_MMIO", "VIRTIO_MMIO_CMDLINE_DEVICES", "VIRTIO_BLK", "VIRTIO_CONSOLE", "X86_MPPARSE"}

// machineFor chooses a microvm, which boots in half the time, for kernels
// whose configuration lies beside the image and has what that needs, and the
// pc machine, on which every kernel boots, for all others. clock names the
// host's clock source; a deterministic guest has no use for it.
func machineFor(image, accel, clock string, deterministic bool) machine {
	tsc, params := "", ""
	switch {
	case deterministic:
		tsc = deterministicParameters()
		params = tsc
	case accel == "tcg":
		tsc = tscParameters(clock)
		// On a busy host an emulated timer's first ticks come late, for which
		// the kernel would give up.
		params = tsc + "no_timer_check "
	}
	pc := machine{"pc", "-pci", image, params}
	built, err := readSettings(filepath.Join(filepath.Dir(image), "config"))
	if err != nil || filepath.Base(image) != "bzImage" || accel == "tcg" && tsc == "" {
		return pc
	}
	for _, name := range microvmNeeds {
		if !built[name] {
			return pc
		}
	}
	m := machine{"microvm,acpi=off", "-device", image, params}
	if accel == "tcg" {
		// Its calibration takes a fifth of a second and fails when emulated.
		m.params += "nolapic_timer "
	}
	// An ELF image is entered directly, without unpacking anything.
	elf := filepath.Join(filepath.Dir(image), "vmlinux")
	if _, err := os.Stat(elf); err == nil && built["PVH"] {
		m.kernel = elf
	}
	return m
}

// readSettings reads which settings of a .config are built in.
func readSettings(path string) (map[string]bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the kernel's configuration: %w", err)
	}
	defer f.Close()
	on := map[string]bool{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if name, ok := strings.CutSuffix(lines.Text(), "=y"); ok {
			on[strings.TrimPrefix(name, "CONFIG_")] = true
		}
	}
	return on, lines.Err()
}
