package qemu

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
)

// A frame is a head of headBytes and a payload. The head, little endian:
//
//	 0  u32  magic "AIOQ"
//	 4  u32  kind
//	 8  u32  sequence number within its direction, from 0
//	12  u32  length of the payload
//	16  u32  CRC-32C of the 16 bytes above and the payload
//
// The port loses nothing as long as both sides live; the checksum and the
// number are there for a guest that scribbles over its own memory, which is
// what kernels under test do.
const (
	frameMagic = 0x514f4941
	headBytes  = 20
	maxPayload = 16 << 20 // a program of a round with its thousands of requests has less than one
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func frameSum(head, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(head[:16], castagnoli), castagnoli, payload)
}

// appendFrame appends a whole frame to b.
func appendFrame(b []byte, k kind, number uint32, payload []byte) []byte {
	le := binary.LittleEndian
	at := len(b)
	b = le.AppendUint32(b, frameMagic)
	b = le.AppendUint32(b, uint32(k))
	b = le.AppendUint32(b, number)
	b = le.AppendUint32(b, uint32(len(payload)))
	b = le.AppendUint32(b, frameSum(b[at:], payload))
	return append(b, payload...)
}

// frameReader takes frames from a stream.
type frameReader struct {
	in     *bufio.Reader
	at     int64 // offset of the next frame in the stream
	number uint32
	buf    []byte
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{in: bufio.NewReaderSize(r, 256<<10)}
}

// next returns a frame, whose payload is valid until the following call. Its
// error is io.EOF at a clean end, or wraps io.ErrUnexpectedEOF within a frame.
// After any error the stream cannot be used further.
func (f *frameReader) next() (kind, []byte, error) {
	var head [headBytes]byte
	if _, err := io.ReadFull(f.in, head[:]); err == io.EOF {
		return 0, nil, io.EOF
	} else if err != nil {
		return 0, nil, fmt.Errorf("read the head of the frame at byte %d: %w", f.at, err)
	}
	le := binary.LittleEndian
	magic, k, number, length := le.Uint32(head[0:]), kind(le.Uint32(head[4:])), le.Uint32(head[8:]), le.Uint32(head[12:])
	switch {
	case magic != frameMagic:
		return 0, nil, fmt.Errorf("no frame at byte %d: it begins with %#08x", f.at, magic)
	case length > maxPayload:
		return 0, nil, fmt.Errorf("the frame at byte %d says that it has %d bytes, more than %d", f.at, length, maxPayload)
	case number != f.number:
		return 0, nil, fmt.Errorf("the frame at byte %d has the number %d instead of %d", f.at, number, f.number)
	}
	payload, err := f.payload(int(length))
	if err != nil {
		return 0, nil, fmt.Errorf("read the %d bytes of the frame at byte %d: %w", length, f.at, err)
	}
	if sum := le.Uint32(head[16:]); sum != frameSum(head[:], payload) {
		return 0, nil, fmt.Errorf("the frame at byte %d is damaged: its checksum is wrong", f.at)
	}
	f.at += headBytes + int64(length)
	f.number++
	return k, payload, nil
}

// growBy bounds the memory that a length alone can claim: the buffer grows
// as bytes arrive.
const growBy = 1 << 20

func (f *frameReader) payload(length int) ([]byte, error) {
	f.buf = f.buf[:0]
	for len(f.buf) < length {
		n := min(length-len(f.buf), growBy)
		at := len(f.buf)
		for cap(f.buf) < at+n {
			f.buf = append(f.buf[:cap(f.buf)], 0)
		}
		f.buf = f.buf[:at+n]
		if _, err := io.ReadFull(f.in, f.buf[at:]); err == io.EOF {
			return nil, io.ErrUnexpectedEOF
		} else if err != nil {
			return nil, err
		}
	}
	return f.buf, nil
}

// frameWriter puts frames on a stream, each by one Write. Any goroutine may
// use it.
type frameWriter struct {
	mu     sync.Mutex
	out    io.Writer
	number uint32
	buf    []byte
	// ring, if it is there, is called after messages that the host is to see
	// now, and says whether it is to answer.
	ring func(wants bool) error
}

func (f *frameWriter) send(k kind, payload []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buf = appendFrame(f.buf[:0], k, f.number, payload)
	if _, err := f.out.Write(f.buf); err != nil {
		return fmt.Errorf("send %v: %w", k, err)
	}
	f.number++
	if f.ring != nil && (k.asks() || k == kindAlive) {
		return f.ring(k.asks())
	}
	return nil
}

// sendJSON sends a message whose payload is JSON.
func (f *frameWriter) sendJSON(k kind, message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode %v: %w", k, err)
	}
	if len(text) > maxPayload {
		return fmt.Errorf("encode %v: %d bytes are more than the %d of a frame", k, len(text), maxPayload)
	}
	return f.send(k, text)
}
