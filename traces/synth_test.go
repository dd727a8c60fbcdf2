package traces

import (
	"math/rand/v2"

	"aiocheck/model"
)

// synth is an honest run for tests: rounds of a few threads that submit
// batches of reads and writes to the storage and POLLs of a pipe, cancel some
// of them, and reap each other's events through one context a round.
type synth struct {
	rng     *rand.Rand
	logs    []Log // of the threads, then of the controller
	now     Time
	next    RequestID
	unknown []inflight
}

type inflight struct {
	id   RequestID
	obj  uint64
	op   model.Opcode
	size uint32
}

const (
	synthRun   = 7
	synthBytes = 1 << 20
)

// synthHeader is the header of every synthetic run.
func synthHeader(threads int) Header {
	return Header{
		Tool: "aiocheck test", Target: "sim", Started: "2026-01-02T03:04:05Z", Clock: "CLOCK_MONOTONIC, 0 at start", Run: synthRun,
		Kernel:   Kernel{Release: "6.1.0", Version: "#1 SMP", Machine: "x86_64", CPUs: 2},
		Device:   Device{Path: "/tmp/x", Kind: "file", FileSystem: "ext4", Source: "/dev/vda", Direct: true, Align: 512, MemAlign: 512, Bytes: synthBytes},
		Workload: Workload{Seed: 1, Threads: threads, Depth: 16, Mix: "default", MinBytes: 512, MaxBytes: 4096},
		Contract: model.Contract{Name: "simulated mainline"},
	}
}

// synthLogs makes logs of about that many requests, the controller's last.
func synthLogs(seed uint64, threads, rounds, requests int) []Log {
	s := &synth{rng: rand.New(rand.NewPCG(seed, seed)), logs: make([]Log, threads+1), next: 1}
	for round := range rounds {
		s.round(uint64(round+1), requests/rounds)
	}
	return s.logs
}

func (s *synth) tick() Time { s.now += 100 + s.rng.Int64N(1000); return s.now }

func (s *synth) round(number uint64, requests int) {
	controller := &s.logs[len(s.logs)-1]
	threads := len(s.logs) - 1
	controller.Record(RoundRecord(Controller, s.tick(), number, EndDrain))
	controller.Record(FileRecord(0, Storage, FileDirect, synthBytes))
	controller.Record(FileRecord(1, Pipe, FileNonblock, 0))
	controller.Record(FileRecord(2, Directory, 0, 0))
	controller.Record(ContextRecord(0, 64))
	controller.Record(NameRecord(0, 2, Regular, synthInode))
	controller.Record(NameRecord(1, 2, Absent, Inode{}))
	controller.Record(IdentityRecord(Identity{UID: 1000, Umask: 0o22, Cwd: 3}, 1024))
	for t := range threads {
		s.logs[t].Record(RoundRecord(uint16(t), s.tick(), number, EndDrain))
	}
	s.call(0, CallSetup, 0, 64, 0, 0, 0, 0x7f0000000000, 128|1<<32)
	end := s.next + RequestID(requests)
	for s.next < end {
		t := s.rng.IntN(threads)
		switch {
		case len(s.unknown) > 16 || s.rng.IntN(3) == 0:
			s.reap(t)
		case s.rng.IntN(16) == 0:
			s.stat(t)
		case s.rng.IntN(8) == 0:
			s.call(t, CallCancel, 1+s.rng.Uint32N(s.next), 0, 0, 0, model.Fail(model.EINVAL), 0, 0)
		default:
			s.submit(t, min(1+s.rng.IntN(4), int(end-s.next)))
		}
	}
	for len(s.unknown) > 0 {
		s.reap(0)
	}
	s.call(0, CallDestroy, 0, 0, 0, 0, 0, 0, 0)
	controller.Record(WatchedRecord(Controller, uint64(requests), uint64(requests)*4096))
}

// call records a call that has no records of its own around it.
func (s *synth) call(t int, kind CallKind, id RequestID, x, y, z int64, ret model.Result, extra1, extra2 uint64) {
	s.logs[t].Record(InvokeRecord(uint16(t), 0, kind, id, 0, s.tick(), x, y, z))
	s.logs[t].Record(ReturnRecord(uint16(t), s.tick(), ret, extra1, extra2))
}

// synthInode is the file of name 0 in every round.
var synthInode = Inode{Number: 77, Device: 0x801, Mode: 0o100644, UID: 1000}

func (s *synth) stat(t int) {
	name := s.rng.Int64N(2)
	ret := model.Result(0)
	if name == 1 {
		ret = model.Fail(model.ENOENT)
	}
	s.logs[t].Record(InvokeRecord(uint16(t), NoContext, CallStat, 0, 2, s.tick(), name, 0, 0))
	s.logs[t].Record(ReturnRecord(uint16(t), s.tick(), ret, 0, 0))
	if ret == 0 {
		s.logs[t].Record(FoundRecord(uint16(t), 0, synthInode, 0, 0))
	}
}

func (s *synth) submit(t, n int) {
	accepted := n
	if s.rng.IntN(50) == 0 {
		accepted = s.rng.IntN(n + 1)
	}
	for i := range n {
		id := s.next
		s.next++
		r := inflight{id: id, obj: 0x5500_0000_0000 + uint64(id)*64, op: model.PRead, size: 512 * (1 + s.rng.Uint32N(8))}
		file, offset := uint16(0), 512*s.rng.Int64N(synthBytes/512-8)
		switch s.rng.IntN(8) {
		case 0:
			r.op, r.size, file, offset = model.Poll, 0, 1, 1
		case 1, 2, 3:
			r.op = model.PWrite
		case 4:
			r.op, r.size, file, offset = model.OpenAt, 0, 2, 0x42|0o600<<32
		}
		s.logs[t].Record(RequestRecord(uint16(t), 0, id, r.op, file, 0, offset, r.size, 0, synthRun<<32|uint64(id), r.obj))
		if i < accepted {
			s.unknown = append(s.unknown, r)
		}
	}
	ret := model.Result(accepted)
	if accepted == 0 {
		ret = model.Fail(model.EAGAIN)
	}
	s.call(t, CallSubmit, 0, int64(n), 0, 0, ret, 0, 0)
}

func (s *synth) reap(t int) {
	s.rng.Shuffle(len(s.unknown), func(i, j int) { s.unknown[i], s.unknown[j] = s.unknown[j], s.unknown[i] })
	n := min(1+s.rng.IntN(8), len(s.unknown))
	s.call(t, CallGetEvents, 0, 0, 8, 0, model.Result(n), 0, 0)
	for _, r := range s.unknown[:n] {
		res := model.Result(r.size)
		switch r.op {
		case model.Poll:
			res = 1
		case model.OpenAt:
			res = 9
		}
		s.logs[t].Record(EventRecord(uint16(t), synthRun<<32|uint64(r.id), r.obj, res, 0))
	}
	for _, r := range s.unknown[:n] {
		if r.op == model.OpenAt {
			s.logs[t].Record(FoundRecord(uint16(t), r.id, synthInode, 9, 0x8002))
		}
		for left := r.size; r.op == model.PRead && left > 0; {
			bytes := min(left, 512*(1+s.rng.Uint32N(8)))
			s.logs[t].Record(DataRecord(uint16(t), r.id, DataWritten, int64(r.size-left), bytes, s.rng.Uint32N(r.id), int64(r.size-left)))
			left -= bytes
		}
	}
	s.unknown = append(s.unknown[:0], s.unknown[n:]...)
}
