package kernel

import (
	"fmt"

	"golang.org/x/sys/unix"

	"aiocheck/model"
	"aiocheck/traces"
)

// FIFREEZE and FITHAW of include/uapi/linux/fs.h: _IOWR('X', 119 and 120, int).
const (
	fiFreeze = 0xc0045877
	fiThaw   = 0xc0045878
)

// freeze keeps the storage's file system from changing until thaw. It waits
// for what is being written (fs/super.c, freeze_super).
func (t *thread) freeze() {
	t.invoke(traces.NoContext, traces.CallFreeze, 0, 0, 0, 0, 0)
	ret := fsIoctl(t.storage(), fiFreeze)
	at := t.now()
	if ret == 0 {
		t.frozen.Store(true)
	}
	t.returned(at, ret, 0, 0)
}

func (t *thread) thaw() {
	t.invoke(traces.NoContext, traces.CallThaw, 0, 0, 0, 0, 0)
	ret := fsIoctl(t.storage(), fiThaw)
	at := t.now()
	if ret == 0 {
		t.frozen.Store(false)
	}
	t.returned(at, ret, 0, 0)
}

// storage is the descriptor of file 0.
func (r *round) storage() int { return r.files[0].ends[0] }

func fsIoctl(fd int, request uintptr) model.Result {
	return call(unix.SYS_IOCTL, uintptr(fd), request, 0, 0, 0, 0)
}

// freezes reports whether a step of p freezes the file system.
func freezes(p *traces.Program) bool {
	for _, steps := range p.Threads {
		for i := range steps {
			if steps[i].Do == traces.DoFreeze {
				return true
			}
		}
	}
	return false
}

// thaw thaws a file system that a round has left frozen, or may have: whatever
// becomes of the runner, nothing stays frozen. Thawing what is not frozen
// does nothing (EINVAL) and is not recorded.
func (h *Host) thaw(p *traces.Program, sink Sink) (thawed bool, err error) {
	if !freezes(p) {
		return false, nil
	}
	begun := h.controllerCalls()
	ret := fsIoctl(int(h.storage.file.Fd()), fiThaw)
	if ret != 0 {
		return false, nil
	}
	h.called = h.latest()
	return true, sink.Append([]traces.Record{
		traces.InvokeRecord(traces.Controller, traces.NoContext, traces.CallThaw, 0, 0, begun, 0, 0, 0),
		traces.ReturnRecord(traces.Controller, h.called, ret, 0, 0)})
}

// tryFreeze freezes and thaws the storage's file system: whether it can.
func tryFreeze(s *Storage) error {
	fd := int(s.file.Fd())
	if ret := fsIoctl(fd, fiFreeze); ret != 0 {
		return fmt.Errorf("freeze the file system of %s: %w", s.Device.Path, unix.Errno(-ret))
	}
	if ret := fsIoctl(fd, fiThaw); ret != 0 {
		return fmt.Errorf("thaw the file system of %s: %w", s.Device.Path, unix.Errno(-ret))
	}
	return nil
}
