package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

func addressOf[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

// direct tries O_DIRECT on a file of dir with one aligned write: some file
// systems accept the flag and refuse the transfer.
func direct(dir string) Check {
	c := Check{Name: "O_DIRECT", Needed: "asynchronous transfers (without it they run inside io_submit)", Status: OK}
	limited := func(step string, err error) Check {
		c.Status, c.Detail = Limited, fmt.Sprintf("%s: %s: %v", dir, step, err)
		c.Fix = "use --path on ext4, xfs, btrfs or a block device"
		return c
	}
	f, err := os.CreateTemp(dir, "aiocheck-doctor-")
	if err != nil {
		c.Status, c.Detail, c.Fix = Missing, err.Error(), "name a writable directory with --path"
		return c
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return limited("remove test file", err)
	}
	fd, err := unix.Open(filepath.Join("/proc/self/fd", fmt.Sprint(f.Fd())), unix.O_RDWR|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		return limited("open", err)
	}
	defer unix.Close(fd)
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return limited("map buffer", err)
	}
	defer unix.Munmap(page)
	if _, err := unix.Pwrite(fd, page, 0); err != nil {
		return limited("write", err)
	}
	c.Detail = "works in " + dir
	return c
}
