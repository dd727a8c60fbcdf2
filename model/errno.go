package model

import "strconv"

// Errno is a positive Linux error number (include/uapi/asm-generic/errno*.h,
// the same on every architecture that this project runs on).
type Errno uint16

// The error numbers that AIO system calls and events carry.
const (
	EPERM        Errno = 1
	ENOENT       Errno = 2
	EINTR        Errno = 4
	EIO          Errno = 5
	ENXIO        Errno = 6
	EBADF        Errno = 9
	EAGAIN       Errno = 11
	ENOMEM       Errno = 12
	EACCES       Errno = 13
	EFAULT       Errno = 14
	EBUSY        Errno = 16
	EEXIST       Errno = 17
	ENOTDIR      Errno = 20
	EISDIR       Errno = 21
	EINVAL       Errno = 22
	EMFILE       Errno = 24
	EFBIG        Errno = 27
	ENOSPC       Errno = 28
	ESPIPE       Errno = 29
	EPIPE        Errno = 32
	ENOSYS       Errno = 38
	EOPNOTSUPP   Errno = 95
	ECONNRESET   Errno = 104
	EINPROGRESS  Errno = 115
	ERESTARTSYS  Errno = 512 // kernel-internal; must never reach user space
	ERESTARTLAST Errno = 516 // ERESTART_RESTARTBLOCK, the last restart code
	maxErrno     Errno = 4095
)

var errnoNames = map[Errno]string{
	EPERM: "EPERM", ENOENT: "ENOENT", EINTR: "EINTR", EIO: "EIO", ENXIO: "ENXIO", EBADF: "EBADF", EAGAIN: "EAGAIN",
	ENOMEM: "ENOMEM", EACCES: "EACCES", EFAULT: "EFAULT", EBUSY: "EBUSY", EEXIST: "EEXIST", ENOTDIR: "ENOTDIR",
	EISDIR: "EISDIR", EINVAL: "EINVAL", EMFILE: "EMFILE", EFBIG: "EFBIG", ENOSPC: "ENOSPC", ESPIPE: "ESPIPE",
	EPIPE: "EPIPE", ENOSYS: "ENOSYS", EOPNOTSUPP: "EOPNOTSUPP", ECONNRESET: "ECONNRESET",
	EINPROGRESS: "EINPROGRESS", ERESTARTSYS: "ERESTARTSYS", 513: "ERESTARTNOINTR",
	514: "ERESTARTNOHAND", ERESTARTLAST: "ERESTART_RESTARTBLOCK",
}

// Result is what a system call or an event gives: zero or more on success,
// minus an Errno on failure, as in the kernel.
type Result int64

// Fail is the Result of an error.
func Fail(e Errno) Result { return -Result(e) }

// Errno is the error of a failed Result, 0 of any other.
func (r Result) Errno() Errno {
	if r < 0 && r >= -Result(maxErrno) {
		return Errno(-r)
	}
	return 0
}

// String is the number, or the error's name with a minus: "-EINVAL".
func (r Result) String() string {
	if name, ok := errnoNames[r.Errno()]; ok {
		return "-" + name
	}
	return strconv.FormatInt(int64(r), 10)
}
