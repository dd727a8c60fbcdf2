package qemu

import (
	"encoding/json"
	"fmt"
	"time"

	"aiocheck/kernel"
	"aiocheck/model"
	"aiocheck/traces"
)

// protocol is the version of the messages: host and guest are usually the
// same program, but the guest's may have been built from newer sources.
const protocol = 2

// kind is what a frame's payload is.
type kind uint32

// The messages. The host speaks first of a run, after the guest's greeting:
//
//	guest  hello
//	host   setup
//	guest  ready, or failed
//	guest  want ... host program ... guest records, as often as there are programs
//	guest  want ... host end
//	guest  records (the final read-back), done
//
// A setup with Pause is for a guest that is saved then: after ready it is
// quiet until
//
//	host   wake
//	guest  awake, or failed
//
// and goes on from there. After done comes the next setup, or the end
// of the connection, upon which the guest ends. The host may send stop at any time during a run; the guest sends
// alive once in a while from hello on.
const (
	kindHello   kind = iota + 1 // JSON of Hello
	kindSetup                   // JSON of setup
	kindReady                   // JSON of Ready
	kindFailed                  // text: why there is no run
	kindWant                    // empty: the next program, please
	kindProgram                 // JSON of traces.Program
	kindEnd                     // empty: there are no more programs
	kindStop                    // empty: end the round soon
	kindRecords                 // encoded records of one thread, in its order
	kindDone                    // JSON of done
	kindAlive                   // empty
	kindWake                    // JSON of wake
	kindAwake                   // empty
	kindEndMark
)

var kindNames = [kindEndMark]string{
	kindHello: "hello", kindSetup: "setup", kindReady: "ready", kindFailed: "failed", kindWant: "want", kindProgram: "program",
	kindEnd: "end", kindStop: "stop", kindRecords: "records", kindDone: "done", kindAlive: "alive",
	kindWake: "wake", kindAwake: "awake",
}

func (k kind) String() string {
	if k == 0 || k >= kindEndMark {
		return fmt.Sprintf("message %d", uint32(k))
	}
	return kindNames[k]
}

// asks reports whether the guest waits for the host after a message.
func (k kind) asks() bool {
	return k == kindHello || k == kindFailed || k == kindWant || k == kindDone
}

// Hello is what a guest says of itself when its init runs.
type Hello struct {
	Protocol int           `json:"protocol"`
	Kernel   traces.Kernel `json:"kernel"`
	Uptime   time.Duration `json:"uptime_ns"` // CLOCK_MONOTONIC when main began: the guest's own time since its kernel began
}

// setup asks for a run.
type setup struct {
	Device     string         `json:"device"`      // a name of Devices
	FileSystem string         `json:"file_system"` // a name of FileSystems
	Bytes      int64          `json:"bytes"`       // of the tested range
	DiskBytes  int64          `json:"disk_bytes"`  // of the whole device
	InMemory   bool           `json:"in_memory"`   // the disk is a null_blk
	Filled     []extent       `json:"filled"`      // what is on it, in the initramfs
	Buffered   bool           `json:"buffered"`
	Pause      bool           `json:"pause"` // be saved before the first program
	Knobs      knobs          `json:"knobs"`
	Options    kernel.Options `json:"options"`
}

// wake is what a restored guest is to know.
type wake struct {
	Knobs  knobs  `json:"knobs"`
	Random []byte `json:"random"` // for its kernel's random numbers
}

// Ready is what a guest's storage and kernel turned out to be.
type Ready struct {
	Device    traces.Device    `json:"device"`
	Clock     string           `json:"clock"`
	Contract  model.Contract   `json:"contract"`
	Abilities traces.Abilities `json:"abilities"`
}

// done ends a run: Error says why it ended early.
type done struct {
	Error string `json:"error,omitempty"`
	Hung  bool   `json:"hung,omitempty"` // the error is kernel.ErrHung
	Leak  bool   `json:"leak,omitempty"` // the error is kernel.ErrLeak
}

// decode reads a message's JSON.
func decode(k kind, payload []byte, into any) error {
	if err := json.Unmarshal(payload, into); err != nil {
		return fmt.Errorf("decode %v: %w", k, err)
	}
	return nil
}

// recordsPerFrame keeps a frame of records below 200 kB: what a guest that
// dies takes with it.
const recordsPerFrame = 4096

// appendRecords encodes records as a payload.
func appendRecords(b []byte, records []traces.Record) []byte {
	for i := range records {
		b = traces.AppendRecord(b, records[i])
	}
	return b
}

// decodeRecords appends the records of a payload to into. It refuses records
// that no trace can hold.
func decodeRecords(into []traces.Record, payload []byte) ([]traces.Record, error) {
	if len(payload)%traces.RecordSize != 0 {
		return nil, fmt.Errorf("decode records: %d bytes are not whole records of %d", len(payload), traces.RecordSize)
	}
	for at := 0; at < len(payload); at += traces.RecordSize {
		r := traces.DecodeRecord((*[traces.RecordSize]byte)(payload[at:]))
		if err := r.Check(); err != nil {
			return nil, fmt.Errorf("decode record %d: %w", at/traces.RecordSize, err)
		}
		if len(into) > 0 && r.Thread != into[0].Thread {
			return nil, fmt.Errorf("decode record %d: of thread %d, after records of thread %d", at/traces.RecordSize, r.Thread, into[0].Thread)
		}
		into = append(into, r)
	}
	return into, nil
}
