// Package model is the vocabulary and the state machine of Linux AIO: opcodes,
// results, contracts, properties, and the life of a request. It is pure: no
// input or output, no goroutines, no clocks, no randomness.
package model

import "fmt"

// Opcode is iocb.aio_lio_opcode: what a request asks for. Values are those of
// include/uapi/linux/aio_abi.h; 9, 10, 12 and 13 exist only in thread-based
// AIO (patches 09, 10, 12 and 13 of the series of 11 January 2016).
type Opcode uint8

// The opcodes. 4 (PREADX) and 6 (NOOP) are reserved and never accepted.
const (
	PRead     Opcode = 0
	PWrite    Opcode = 1
	FSync     Opcode = 2
	FDSync    Opcode = 3
	Poll      Opcode = 5
	PReadV    Opcode = 7
	PWriteV   Opcode = 8
	OpenAt    Opcode = 9
	UnlinkAt  Opcode = 10
	ReadAhead Opcode = 12
	RenameAt  Opcode = 13
)

var opcodeNames = [...]string{
	PRead: "PREAD", PWrite: "PWRITE", FSync: "FSYNC", FDSync: "FDSYNC", Poll: "POLL",
	PReadV: "PREADV", PWriteV: "PWRITEV", OpenAt: "OPENAT", UnlinkAt: "UNLINKAT",
	ReadAhead: "READAHEAD", RenameAt: "RENAMEAT",
}

// String is the name without the IOCB_CMD_ prefix: "PREAD", or "opcode 4".
func (o Opcode) String() string {
	if int(o) < len(opcodeNames) && opcodeNames[o] != "" {
		return opcodeNames[o]
	}
	return fmt.Sprintf("opcode %d", uint8(o))
}

// ParseOpcode is the inverse of String for named opcodes.
func ParseOpcode(s string) (Opcode, error) {
	for o, name := range opcodeNames {
		if name != "" && name == s {
			return Opcode(o), nil
		}
	}
	return 0, fmt.Errorf("unknown opcode %q", s)
}

// Reads reports whether the opcode fills the caller's buffer from the file.
func (o Opcode) Reads() bool { return o == PRead || o == PReadV }

// Writes reports whether the opcode copies the caller's buffer to the file.
func (o Opcode) Writes() bool { return o == PWrite || o == PWriteV }

// Transfers reports whether the opcode moves data, so that a result of zero or
// more counts bytes.
func (o Opcode) Transfers() bool { return o.Reads() || o.Writes() }

// Syncs reports whether the opcode is FSYNC or FDSYNC.
func (o Opcode) Syncs() bool { return o == FSync || o == FDSync }

// Names reports whether the opcode works on names in directories.
func (o Opcode) Names() bool { return o == OpenAt || o == UnlinkAt || o == RenameAt }
