package traces

import (
	"encoding/binary"
	"fmt"
)

// RecordSize is the length of an encoded Record in bytes.
const RecordSize = 48

// AppendRecord appends the encoding of r to b: RecordSize bytes, little
// endian, as FORMAT.md lays them out.
func AppendRecord(b []byte, r Record) []byte {
	le := binary.LittleEndian
	b = append(b, byte(r.Kind), r.Code)
	b = le.AppendUint16(b, r.Thread)
	b = le.AppendUint32(b, r.Context)
	b = le.AppendUint32(b, r.Request)
	b = le.AppendUint16(b, r.File)
	b = le.AppendUint16(b, r.Eventfd)
	b = le.AppendUint64(b, r.A)
	b = le.AppendUint64(b, r.B)
	b = le.AppendUint64(b, r.C)
	return le.AppendUint64(b, r.D)
}

// DecodeRecord is the inverse of AppendRecord. It takes every value: what a
// record may say is checked by Record.Check and when a history is built.
func DecodeRecord(b *[RecordSize]byte) Record {
	le := binary.LittleEndian
	return Record{
		Kind:    Kind(b[0]),
		Code:    b[1],
		Thread:  le.Uint16(b[2:]),
		Context: le.Uint32(b[4:]),
		Request: le.Uint32(b[8:]),
		File:    le.Uint16(b[12:]),
		Eventfd: le.Uint16(b[14:]),
		A:       le.Uint64(b[16:]),
		B:       le.Uint64(b[24:]),
		C:       le.Uint64(b[32:]),
		D:       le.Uint64(b[40:]),
	}
}

// codes is how many codes each kind of record has. An opcode is any byte: a
// program may submit one that no kernel knows.
var codes = [kindEnd]int{
	KindRound: 4, KindFile: int(fileKindEnd), KindContext: 1, KindRequest: 256, KindInvoke: int(callEnd), KindReturn: 1,
	KindEvent: 1, KindData: int(dataEnd), KindDamage: 3, KindExit: 4, KindWatched: 1,
	KindName: int(nameKindEnd), KindIdentity: 1, KindFound: 1, KindTransition: int(NumPoints),
	KindMove: int(moveEndEnd),
}

// Check reports whether the record's kind and code are ones that this version
// knows.
func (r *Record) Check() error {
	if r.Kind == 0 || r.Kind >= kindEnd {
		return fmt.Errorf("unknown kind of record %d", uint8(r.Kind))
	}
	if int(r.Code) >= codes[r.Kind] || r.Kind == KindInvoke && r.Code == 0 {
		return fmt.Errorf("unknown code %d of a %v record", r.Code, r.Kind)
	}
	return nil
}

var kindNames = [kindEnd]string{
	KindRound: "round", KindFile: "file", KindContext: "context", KindRequest: "request", KindInvoke: "invoke",
	KindReturn: "return", KindEvent: "event", KindData: "data", KindDamage: "damage", KindExit: "exit",
	KindWatched: "watched", KindName: "name", KindIdentity: "identity", KindFound: "found", KindTransition: "transition", KindMove: "move",
}

// String is the kind in lower case, or "kind?".
func (k Kind) String() string {
	if k == 0 || k >= kindEnd {
		return "kind?"
	}
	return kindNames[k]
}
