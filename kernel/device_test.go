package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestOpenStorage(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken")
	if err := os.WriteFile(taken, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		opts StorageOptions
		want string // in the error; empty if there is none
	}{
		{"a directory", StorageOptions{Path: dir, Bytes: 1 << 20}, ""},
		{"a new file", StorageOptions{Path: filepath.Join(dir, "new"), Bytes: 1 << 20}, ""},
		{"the new file again", StorageOptions{Path: filepath.Join(dir, "new"), Bytes: 1 << 20}, "has to be asked for"},
		{"a file of somebody", StorageOptions{Path: taken, Bytes: 1 << 20}, "has to be asked for"},
		{"and overwritten", StorageOptions{Path: taken, Bytes: 1 << 20, Overwrite: true}, ""},
		{"buffered", StorageOptions{Path: dir, Bytes: 1 << 20, Buffered: true}, ""},
		{"odd size", StorageOptions{Path: dir, Bytes: 1000}, "multiple of 512"},
		{"no directory", StorageOptions{Path: filepath.Join(dir, "a", "b"), Bytes: 512}, "no such file"},
		{"not storage", StorageOptions{Path: "/dev/null", Bytes: 512}, "neither a file"},
		{"too large", StorageOptions{Path: dir, Bytes: 1 << 60}, "give "},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.opts.Run = testRun
			s, err := OpenStorage(row.opts)
			if row.want != "" {
				if err == nil || !strings.Contains(err.Error(), row.want) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			d := s.Device
			if d.FileSystem == "" || d.Source == "" || d.Kind != "file" || d.Direct == (d.Note != "") || d.Direct == (d.Align == 1) {
				t.Errorf("%+v, %q", d, s.Device.Note)
			}
			if row.opts.Buffered && d.Direct {
				t.Error("it is not buffered")
			}
			buf, want := make([]byte, 1<<20), make([]byte, 1<<20)
			if _, err := s.claim.ReadAt(buf, 0); err != nil {
				t.Fatal(err)
			}
			Stamp(want, testRun, 0, 0)
			if !bytes.Equal(buf, want) {
				t.Error("it does not hold lines of request 0")
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(d.Path); errors.Is(err, os.ErrNotExist) != (row.opts.Path == dir) {
				t.Errorf("after closing: %v", err)
			}
		})
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left %v, %v", entries, err)
	}
}

// TestSignature puts every mark on a device of its own, and knows an empty
// one.
func TestSignature(t *testing.T) {
	const size = 3<<20 + 12345*512
	probe := func(offset int64, text string) string {
		device := make([]byte, size)
		if offset < 0 {
			offset += size
		}
		copy(device[offset:], text)
		found, err := signature(bytes.NewReader(device), size)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := probe(0, ""); found != "" {
		t.Errorf("an empty device carries %s", found)
	}
	for _, m := range marks {
		if found := probe(m.offset, m.bytes); found != m.what {
			t.Errorf("%q at %d: %q, not %q", m.bytes, m.offset, found, m.what)
		}
	}
	const end = int64(size) &^ (256<<10 - 1)
	for _, row := range []struct {
		offset int64
		bytes  string
		want   string
	}{
		{510, "\x55\xaa", "a partition table or boot sector"},
		{size&^(64<<10-1) - 64<<10, "\xfc\x4e\x2b\xa9", "a member of a RAID array"},
		{size&^(64<<10-1) - 64<<10, "\xa9\x2b\x4e\xfc", "a member of a RAID array"},
		{(size/512 - 16) &^ 7 * 512, "\xfc\x4e\x2b\xa9", "a member of a RAID array"},
		{128<<10 + 5*1024, "\x0c\xb1\xba\x00\x00\x00\x00\x00", "a member of a ZFS pool"},
		{end - 128<<10, "\x00\x00\x00\x00\x00\xba\xb1\x0c", "a member of a ZFS pool"},
	} {
		if found := probe(row.offset, row.bytes); found != row.want {
			t.Errorf("%q at %d: %q, not %q", row.bytes, row.offset, found, row.want)
		}
	}
	for _, size := range []int{0, 512, 4096, 100 << 10} {
		if found, err := signature(bytes.NewReader(make([]byte, size)), int64(size)); found != "" || err != nil {
			t.Errorf("%d zeros: %q, %v", size, found, err)
		}
	}
}

func TestParseMounts(t *testing.T) {
	const table = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw
30 27 0:40 /sub /home/with\040space rw - btrfs /dev/vdb rw
31 27 8:1 / /home rw - xfs /dev/sda1 rw
32 27 0:50 / /home rw - tmpfs none rw
`
	mounts, err := parseMounts(strings.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ device, path, want string }{
		{"254:0", "/tmp/x", "ext4 on /dev/vda"},
		{"0:41", "/home/with space/x", "btrfs on /dev/vdb"}, // a number of its own
		{"0:50", "/home/x", "tmpfs on none"},
		{"8:1", "/home/x", "xfs on /dev/sda1"}, // opened before it was covered
		{"0:99", "/homework", "ext4 on /dev/vda"},
	} {
		m := mountAbove(mounts, row.device, row.path)
		if got := m.kind + " on " + m.source; got != row.want {
			t.Errorf("%s on device %s: %s, not %s", row.path, row.device, got, row.want)
		}
	}
	for _, bad := range []string{"nonsense", "27 1 254:0 / / - ext4", "1 2 3 - a b"} {
		if _, err := parseMounts(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was taken for a mount", bad)
		}
	}
}

func TestSysUse(t *testing.T) {
	for _, row := range []struct{ path, text, want string }{
		{"", "", ""},
		{"holders/dm-0", "", "is part of dm-0"},
		{"sda1/partition", "1\n", ""},
		{"ro", "1\n", "is read-only"},
		{"ro", "0\n", ""},
	} {
		dir := t.TempDir()
		if row.path != "" {
			if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(row.path)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, row.path), []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := sysUse(dir); got != row.want || err != nil {
			t.Errorf("%s: %q, %v", row.path, got, err)
		}
		partition := ""
		if row.path == "sda1/partition" {
			partition = "sda1"
		}
		if got, err := sysPartition(dir); got != partition || err != nil {
			t.Errorf("%s: partition %q, %v", row.path, got, err)
		}
	}
}

func TestProbeAlign(t *testing.T) {
	for _, row := range []struct{ memory, align int }{{512, 512}, {4, 512}, {4096, 4096}, {512, 4096}, {0, 0}} {
		memory, align, err := probeAlign(func(offset, bytes, skew int) error {
			if row.align == 0 || offset%row.align != 0 || bytes%row.align != 0 || skew%row.memory != 0 {
				return unix.EINVAL
			}
			return nil
		})
		if memory != row.memory || align != row.align || err != nil {
			t.Errorf("%+v: found %d, %d, %v", row, memory, align, err)
		}
	}
	if _, _, err := probeAlign(func(int, int, int) error { return unix.EIO }); !errors.Is(err, unix.EIO) {
		t.Errorf("error %v", err)
	}
}

func TestInfo(t *testing.T) {
	k, err := Running()
	if err != nil || k.Release == "" || k.Version == "" || k.Machine == "" || k.CPUs < 1 || PossibleCPUs() < k.CPUs {
		t.Errorf("%+v of %d, %v", k, PossibleCPUs(), err)
	}
	if l, err := AIOLimits(); err != nil || l.Max < 1 || l.Now < 0 {
		t.Errorf("%+v, %v", l, err)
	}
	if err := HasAIO(); err != nil {
		t.Error(err)
	}
	var got []string
	for _, list := range []string{"0", "0-3", "0-1,4,8-9", "", "1-"} {
		n, err := countList(list)
		got = append(got, fmt.Sprint(n, err != nil))
	}
	if diff := cmp.Diff([]string{"1 false", "4 false", "5 false", "0 true", "0 true"}, got); diff != "" {
		t.Error(diff)
	}
}
