package traces

import "aiocheck/model"

// Header is the readable head of a trace: what ran where, and what it is to
// be judged by. It is stored as JSON.
type Header struct {
	Tool     string         `json:"tool"`    // version of aiocheck
	Target   string         `json:"target"`  // sim, host, qemu
	Started  string         `json:"started"` // RFC 3339, UTC
	Clock    string         `json:"clock"`   // what Time counts, and its origin
	Run      uint32         `json:"run"`     // run number in every line tag; never 0
	Kernel   Kernel         `json:"kernel"`
	Device   Device         `json:"device"`
	Workload Workload       `json:"workload"`
	Contract model.Contract `json:"contract"`
	// Abilities is what the workload could ask of the target.
	Abilities Abilities `json:"abilities,omitzero"`
	// Misbehaviour is the seeded bug of a simulated target, or the defects that
	// were switched on in the kernel of a guest.
	Misbehaviour string `json:"misbehaviour,omitempty"`
	// Again is the command that records the same trace again, byte for byte; of
	// deterministic targets only.
	Again string `json:"again,omitempty"`
}

// Abilities is what a target can do beyond what every one does. A workload
// asks for nothing else.
type Abilities struct {
	Threaded bool `json:"threaded,omitempty"` // contexts have threads: OPENAT, UNLINKAT, RENAMEAT, READAHEAD, and cancels of everything
	Names    bool `json:"names,omitempty"`    // rounds can have directories
	Identity bool `json:"identity,omitempty"` // programs can have an Identity
	Freeze   bool `json:"freeze,omitempty"`   // the storage's file system is the target's own and can be frozen
}

// Kernel says which kernel ran.
type Kernel struct {
	Release string `json:"release"` // uname -r
	Version string `json:"version"` // uname -v
	Machine string `json:"machine"` // uname -m
	CPUs    int    `json:"cpus"`
}

// Device says what the storage under test is.
type Device struct {
	Path       string `json:"path"`
	Kind       string `json:"kind"`           // file or block device
	FileSystem string `json:"filesystem"`     // type as in /proc/mounts; empty for a device
	Source     string `json:"source"`         // device behind it
	Direct     bool   `json:"direct"`         // opened with O_DIRECT
	Note       string `json:"note,omitempty"` // why not, if it is not
	Align      int    `json:"align"`          // offset and length alignment for O_DIRECT in bytes; 1 if buffered
	MemAlign   int    `json:"mem_align"`      // buffer alignment for O_DIRECT in bytes; 1 if buffered
	Bytes      int64  `json:"bytes"`          // size of the tested range
}

// Workload is what a program is generated from: together with the generator
// of the tool's version it determines every round.
type Workload struct {
	Seed     uint64 `json:"seed"`
	Threads  int    `json:"threads"`
	Depth    int    `json:"depth"` // most requests of a thread in flight
	Mix      string `json:"mix"`
	MinBytes int    `json:"min_bytes"`
	MaxBytes int    `json:"max_bytes"`
	Requests int    `json:"requests"` // 0: as long as it is let run
	Duration string `json:"duration,omitempty"`
}
