package kernel

import (
	"testing"
	"unsafe"
)

// TestLayout compares the structures with include/uapi/linux/aio_abi.h and
// fs/aio.c, as the System V ABI lays them out.
func TestLayout(t *testing.T) {
	var (
		cb iocb
		ev ioEvent
		rg aioRing
		sg aioSigset
	)
	for _, row := range []struct {
		name      string
		got, want uintptr
	}{
		{"iocb", unsafe.Sizeof(cb), 64},
		{"iocb.aio_key", unsafe.Offsetof(cb.key), 8},
		{"iocb.aio_rw_flags", unsafe.Offsetof(cb.rwFlags), 12},
		{"iocb.aio_lio_opcode", unsafe.Offsetof(cb.opcode), 16},
		{"iocb.aio_reqprio", unsafe.Offsetof(cb.prio), 18},
		{"iocb.aio_fildes", unsafe.Offsetof(cb.fd), 20},
		{"iocb.aio_buf", unsafe.Offsetof(cb.buf), 24},
		{"iocb.aio_nbytes", unsafe.Offsetof(cb.nbytes), 32},
		{"iocb.aio_offset", unsafe.Offsetof(cb.offset), 40},
		{"iocb.aio_flags", unsafe.Offsetof(cb.flags), 56},
		{"iocb.aio_resfd", unsafe.Offsetof(cb.resfd), 60},
		{"io_event", unsafe.Sizeof(ev), 32},
		{"io_event.obj", unsafe.Offsetof(ev.obj), 8},
		{"io_event.res", unsafe.Offsetof(ev.res), 16},
		{"io_event.res2", unsafe.Offsetof(ev.res2), 24},
		{"aio_ring", unsafe.Sizeof(rg), 32},
		{"aio_ring.head", unsafe.Offsetof(rg.head), 8},
		{"aio_ring.tail", unsafe.Offsetof(rg.tail), 12},
		{"aio_ring.magic", unsafe.Offsetof(rg.magic), 16},
		{"aio_ring.compat_features", unsafe.Offsetof(rg.compatFeatures), 20},
		{"aio_ring.header_length", unsafe.Offsetof(rg.headerLength), 28},
		{"__aio_sigset", unsafe.Sizeof(sg), 16},
	} {
		if row.got != row.want {
			t.Errorf("%s: %d, the kernel has %d", row.name, row.got, row.want)
		}
	}
}

// TestTake takes from a ring in ordinary memory, around its end.
func TestTake(t *testing.T) {
	var memory struct {
		header aioRing
		events [4]ioEvent
	}
	for i := range memory.events {
		memory.events[i].data = uint64(i)
	}
	r := &memory.header
	*r = aioRing{nr: 4, head: 3, tail: 2, magic: aioRingMagic, headerLength: 32}
	if !r.valid() {
		t.Fatal("a sound ring is not valid")
	}
	into := make([]ioEvent, 2)
	n, head, tail := r.take(into)
	if n != 2 || head != 3 || tail != 2 || into[0].data != 3 || into[1].data != 0 || r.head != 1 {
		t.Errorf("took %d events %v, head %d tail %d, left head %d", n, into[:n], head, tail, r.head)
	}
	if n, _, _ = r.take(into); n != 1 || into[0].data != 1 || r.head != 2 {
		t.Errorf("took %d events %v, left head %d", n, into[:n], r.head)
	}
	if n, _, _ = r.take(into); n != 0 {
		t.Errorf("took %d events from an empty ring", n)
	}
	for _, bad := range []aioRing{
		{nr: 4, magic: aioRingMagic + 1, headerLength: 32},
		{nr: 4, magic: aioRingMagic, headerLength: 64},
		{nr: 4, magic: aioRingMagic, headerLength: 32, incompat: 1},
		{magic: aioRingMagic, headerLength: 32},
	} {
		if bad.valid() {
			t.Errorf("%+v is valid", bad)
		}
	}
}
