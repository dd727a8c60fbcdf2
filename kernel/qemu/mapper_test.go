package qemu

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"aiocheck/kernel"
)

// The part that fails is looked up where the storage lies, in pieces if it
// lies in pieces.
func TestTableOfFragments(t *testing.T) {
	m := mapper{below: "254:0", sectors: 4096}
	extents := []kernel.Extent{{Logical: 0, Physical: 1 << 20, Bytes: 516 << 10}, {Logical: 516 << 10, Physical: 512 << 10, Bytes: 508 << 10}}
	from, until := failing(onDMError, 1<<20)
	if from != 512<<10 || until != 576<<10 {
		t.Fatalf("%d to %d fail", from, until)
	}
	var got []string
	for _, line := range m.table(onDMError, physical(extents, from, until)) {
		got = append(got, fmt.Sprint(line.start, line.sectors, line.kind, line.params))
	}
	want := []string{"0 1024linear254:0 0", "1024 120error", "1144 1928linear254:0 1144", "3072 8error", "3080 1016linear254:0 3080"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Whatever fails, a table maps every sector once, in order, and to its own
// place.
func TestTablesAreWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := mapper{below: "254:0", sectors: 1 << 12}
		bytes := int64(rapid.IntRange(1, 200).Draw(t, "pages")) << 12
		device := rapid.SampledFrom([]string{onDMError, onDMFlakey}).Draw(t, "device")
		at := int64(rapid.IntRange(0, 300).Draw(t, "place")) << 12
		cut := int64(rapid.IntRange(1, 200).Draw(t, "cut")) << 12
		extents := []kernel.Extent{{Logical: 0, Physical: at, Bytes: min(cut, bytes)}}
		if cut < bytes {
			extents = append(extents, kernel.Extent{Logical: cut, Physical: at + cut + 4096, Bytes: bytes - cut})
		}
		from, until := failing(device, bytes)
		next, failed := uint64(0), uint64(0)
		for _, line := range m.table(device, physical(extents, from, until)) {
			if line.start != next || line.sectors == 0 {
				t.Fatalf("%+v where sector %d is next", line, next)
			}
			if line.kind != "error" && !strings.HasPrefix(line.params, fmt.Sprintf("254:0 %d", line.start)) {
				t.Fatalf("%+v is elsewhere", line)
			}
			if line.kind != "linear" {
				failed += line.sectors
			}
			next += line.sectors
		}
		if next != m.sectors || failed != uint64(until-from)/sector || until <= from {
			t.Fatalf("%d of %d sectors are mapped, %d fail, of %d to %d", next, m.sectors, failed, from, until)
		}
	})
}

// Targets stand one after the other, each with its length, aligned to 8 bytes.
func TestEncodeTable(t *testing.T) {
	b := encodeTable([]target{{0, 8, "linear", "254:0 0"}, {8, 8, "error", ""}})
	first := unix.SizeofDmTargetSpec + 8 // seven letters and a zero
	if want := unix.SizeofDmIoctl + first + unix.SizeofDmTargetSpec + 8; len(b) != want {
		t.Errorf("%d bytes, want %d", len(b), want)
	}
	if next := b[unix.SizeofDmIoctl+20]; int(next) != first {
		t.Errorf("the next target is %d bytes on, want %d", next, first)
	}
	if at := unix.SizeofDmIoctl + unix.SizeofDmTargetSpec; string(b[at:at+8]) != "254:0 0\x00" {
		t.Errorf("parameters %q", b[at:at+8])
	}
}
