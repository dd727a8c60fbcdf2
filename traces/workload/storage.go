package workload

import (
	"aiocheck/model"
	"aiocheck/traces"
)

// hotBytes is the region that requests meet in on purpose.
const hotBytes = 64 << 10

// transfer is a read or write of the storage.
func (b *builder) transfer(op model.Opcode) traces.RequestDecl {
	r := traces.RequestDecl{Opcode: op, Bytes: uint32(b.size())}
	region := b.g.dev.Bytes
	switch {
	case b.g.mix.happens(b.rng, "hot"):
		region = min(region, hotBytes)
		if b.g.mix.Weights["hot"] == 100 {
			region = int64(r.Bytes)
		}
		r.Offset = b.offset(region, r.Bytes)
	case b.rng.IntN(4) == 0: // half over the last one
		r.Offset = b.align(min(b.last+int64(r.Bytes)/2, region-int64(r.Bytes)))
	default:
		r.Offset = b.offset(region, r.Bytes)
	}
	b.last = r.Offset
	if b.g.mix.happens(b.rng, "unaligned") {
		r.Offset += int64(b.rng.IntN(8)) * line
		r.Bytes = max(line, r.Bytes-uint32(b.rng.IntN(8))*line)
		r.Skew = uint16(b.rng.IntN(64)) * line
		if over := r.Offset + int64(r.Bytes) - b.g.dev.Bytes; over > 0 {
			r.Offset -= over
		}
	} else if b.g.dev.MemAlign > 0 && b.rng.IntN(8) == 0 {
		r.Skew = uint16(b.rng.IntN(4096/b.g.dev.MemAlign) * b.g.dev.MemAlign)
	}
	if op == model.PReadV || op == model.PWriteV {
		r.Segments = uint8(1 + b.rng.IntN(8))
	}
	return r
}

// size is drawn so that each power of two has half the weight of the one
// before, and is a multiple of what the device works in.
func (b *builder) size() int64 {
	n := int64(b.g.load.MinBytes)
	for n < int64(b.g.load.MaxBytes) && b.rng.IntN(5) >= 2 {
		n *= 2
	}
	if n > sector && b.rng.IntN(4) == 0 {
		n -= int64(b.rng.IntN(int(n/2/sector)+1)) * sector
	}
	n = (n + int64(b.g.dev.Align) - 1) / int64(b.g.dev.Align) * int64(b.g.dev.Align)
	return min(n, int64(b.g.load.MaxBytes)/int64(b.g.dev.Align)*int64(b.g.dev.Align))
}

// offset is an aligned place in the first region bytes for bytes bytes.
func (b *builder) offset(region int64, bytes uint32) int64 {
	room := max(region, int64(bytes)) - int64(bytes)
	return b.align(b.rng.Int64N(room + 1))
}

func (b *builder) align(offset int64) int64 {
	unit := max(int64(b.g.dev.Align), sector)
	return offset / unit * unit
}
