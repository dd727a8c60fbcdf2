package control

import (
	"errors"
	"io/fs"
	"testing"
	"time"
	"unsafe"
)

// The layout is that of struct aio_hold, and the requests are those of the
// patches' header.
func TestLayout(t *testing.T) {
	if n := unsafe.Sizeof(hold{}); n != 40 {
		t.Errorf("struct aio_hold has 40 bytes, not %d", n)
	}
	if at := unsafe.Offsetof(hold{}.data); at != 16 {
		t.Errorf("data is at 16, not %d", at)
	}
	for _, row := range []struct{ got, want uint }{{armRequest, 0xc0286141}, {waitRequest, 0xc0286142}, {releaseRequest, 0xc0286143}} {
		if row.got != row.want {
			t.Errorf("a request is %#x, not %#x", row.want, row.got)
		}
	}
}

func TestMilliseconds(t *testing.T) {
	for _, row := range []struct {
		d    time.Duration
		want uint32
	}{{0, 0}, {-time.Second, 0}, {time.Microsecond, 1}, {time.Millisecond, 1}, {1500 * time.Microsecond, 2}, {time.Hour, 60_000}} {
		if got := milliseconds(row.d); got != row.want {
			t.Errorf("%v: %d, not %d", row.d, got, row.want)
		}
	}
}

// A kernel without the device says so; with it, nobody can be held before
// what takes place under a lock, and unknown holds are errors.
func TestOpen(t *testing.T) {
	d, err := Open()
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			t.Error(err)
		}
		return
	}
	defer d.Close()
	if _, err := d.Arm(Hold{Deadline: time.Second}); !errors.Is(err, ErrUnholdable) {
		t.Errorf("a hold before nothing: %v", err)
	}
	if _, _, err := d.Release(1 << 30); err == nil {
		t.Error("a hold that nobody has asked for was released")
	}
}
