package kernel

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// keeper is memory of a thread from which it sends a descriptor to itself.
type keeper struct {
	message unix.Msghdr
	part    unix.Iovec
	head    unix.Cmsghdr
	fd      int32
	_       int32
	byte    [8]byte
}

// maxKept is how many descriptors a pair of sockets has room for, by far.
const maxKept = 128

// makeKeepers gives every thread a pair of sockets, in which files whose
// descriptors have to be closed stay open: sent, and never received.
func (r *round) makeKeepers() error {
	for i := range r.areas {
		a := &r.areas[i]
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("make sockets to keep files in: %w", err)
		}
		a.keeper = pair
		k := a.keep
		k.part = unix.Iovec{Base: &k.byte[0], Len: 1}
		k.head = unix.Cmsghdr{Len: uint64(unix.CmsgLen(4)), Level: unix.SOL_SOCKET, Type: unix.SCM_RIGHTS}
		k.message = unix.Msghdr{Iov: &k.part, Iovlen: 1, Control: (*byte)(unsafe.Pointer(&k.head)), Controllen: uint64(unix.CmsgSpace(4))}
	}
	return nil
}

// keep closes a descriptor, whose file stays open until the round is over.
func (t *thread) keep(fd int) {
	k := t.area.keep
	k.fd = int32(fd)
	if ret := call(unix.SYS_SENDMSG, uintptr(t.area.keeper[0]), uintptr(unsafe.Pointer(&k.message)), unix.MSG_NOSIGNAL, 0, 0, 0); ret != 1 {
		t.unkept.Store(int64(ret))
		return
	}
	call(unix.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0, 0)
}
