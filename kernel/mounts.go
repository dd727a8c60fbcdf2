package kernel

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mount is a line of /proc/self/mountinfo (proc(5)).
type mount struct {
	device string // major:minor
	point  string
	kind   string
	source string
}

// parseMounts reads /proc/self/mountinfo. Lines that do not have its form are
// an error, because they could hide a mounted device.
func parseMounts(in io.Reader) ([]mount, error) {
	var mounts []mount
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 6 || len(right) < 2 {
			return nil, fmt.Errorf("mountinfo, line %d: not a mount: %q", n, lines.Text())
		}
		mounts = append(mounts, mount{device: left[2], point: unescape(left[4]), kind: right[0], source: unescape(right[1])})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read mountinfo: %w", err)
	}
	return mounts, nil
}

// unescape replaces the octal escapes (\040 for a space) of the kernel's tables.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func readMounts() ([]mount, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	defer f.Close()
	return parseMounts(f)
}

// mountOf finds the type and the source of the file system that holds f: the
// mount with f's device number, or, as btrfs files have numbers of their own,
// the one with the longest mount point above it. Of several mounts in one
// place the last covers the others.
func mountOf(f *os.File) (kind, source string, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return "", "", fmt.Errorf("stat %s: %w", f.Name(), err)
	}
	mounts, err := readMounts()
	if err != nil {
		return "", "", err
	}
	path, err := absolute(f.Name())
	if err != nil {
		return "", "", err
	}
	m := mountAbove(mounts, fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)), path)
	return m.kind, m.source, nil
}

func mountAbove(mounts []mount, device, path string) (best mount) {
	exact := false
	for _, m := range mounts {
		if m.point != "/" && path != m.point && !strings.HasPrefix(path, m.point+"/") {
			continue
		}
		same := m.device == device
		if exact && !same || same == exact && len(m.point) < len(best.point) {
			continue
		}
		best, exact = m, same
	}
	return best
}

// deviceUse says how a block device is in use ("is mounted on /home"), or "".
func deviceUse(path string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", fmt.Errorf("stat %s: %w", path, err)
	}
	number := fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	mounts, err := readMounts()
	if err != nil {
		return "", err
	}
	for _, m := range mounts {
		if m.device == number {
			return "is mounted on " + m.point, nil
		}
	}
	swap, err := isSwap(uint64(st.Rdev))
	if err != nil {
		return "", err
	}
	if swap {
		return "is swap space", nil
	}
	return sysUse("/sys/dev/block/" + number)
}

func isSwap(number uint64) (bool, error) {
	table, err := os.ReadFile("/proc/swaps")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // a kernel without swap
	}
	if err != nil {
		return false, fmt.Errorf("list swap space: %w", err)
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		var st unix.Stat_t
		if unix.Stat(unescape(fields[0]), &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK && uint64(st.Rdev) == number {
			return true, nil
		}
	}
	return false, nil
}

// sysUse looks at a device's directory in sysfs for devices that are built on
// it.
func sysUse(dir string) (string, error) {
	if entries, err := os.ReadDir(filepath.Join(dir, "holders")); err == nil && len(entries) > 0 {
		return "is part of " + entries[0].Name(), nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("look for holders: %w", err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "ro")); err == nil && strings.TrimSpace(string(text)) == "1" {
		return "is read-only", nil
	}
	return "", nil
}

// sysPartition is the first partition of a device by its directory in sysfs,
// empty if it has none.
func sysPartition(dir string) (string, error) {
	parts, err := filepath.Glob(filepath.Join(dir, "*", "partition"))
	if err != nil {
		return "", fmt.Errorf("look for partitions: %w", err)
	}
	if len(parts) == 0 {
		return "", nil
	}
	return filepath.Base(filepath.Dir(parts[0])), nil
}

// sysDir is the directory of a device in sysfs.
func sysDir(path string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", fmt.Errorf("stat %s: %w", path, err)
	}
	return fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev)), nil
}
