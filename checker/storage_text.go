package checker

import (
	"fmt"
	"math"

	"aiocheck/traces"
)

// noValue is the value of a read that stands for no single one.
const noValue traces.RequestID = math.MaxUint32

// contents names a value of a register.
func contents(writer traces.RequestID) string {
	if writer == 0 {
		return "the initial contents"
	}
	return fmt.Sprintf("the data of request %d", writer)
}

func reader(id traces.RequestID) string { return fmt.Sprintf("the read by request %d", id) }

// place names the bytes of lines.
func place(lo, hi int64) string {
	return fmt.Sprintf("bytes %d to %d", lo*lineBytes, hi*lineBytes-1)
}

// describe says what was seen and what was to be seen.
func (s *storage) describe(v blamed) (summary, expected string) {
	at, x, y := place(v.lo, v.hi), contents(v.x), contents(v.y)
	why := blameProperty[v.kind].Sentence
	switch v.kind {
	case lostWrite:
		return fmt.Sprintf("%s returned %s at %s, after request %d had written them; no read that began later saw %s",
				reader(v.read), x, at, v.y, y),
			fmt.Sprintf("%s, or of a write that was running: the event of request %d says that it wrote these bytes. %s", y, v.y, why)
	case shortWrite:
		res, _, _ := s.history.Outcome(&s.history.Requests[v.y-1])
		return fmt.Sprintf("the event of request %d says %v bytes, but only what it wrote before byte %d was ever seen: %s returned %s at %s",
				v.y, res, v.lo*lineBytes, reader(v.read), x, at),
			fmt.Sprintf("%s up to the count of its event. %s", y, why)
	case afterDestroy, afterExit:
		end := "the io_destroy of its context had returned"
		if v.kind == afterExit {
			end = "its process was gone"
		}
		return fmt.Sprintf("what %s and others saw at %s is possible only if request %d wrote it after %s",
				reader(v.read), at, v.y, end),
			fmt.Sprintf("nothing of request %d after that. %s", v.y, why)
	case tornSector:
		return fmt.Sprintf("%s returned a mixture of %s and %s in the sector at %s, and no write to it was running", reader(v.read), x, y, at),
			"all lines of the sector from one write. " + why
	case brokenLine:
		return fmt.Sprintf("%s returned, at %s, %s", reader(v.read), at, flawOf[suspect].seen), why
	}
	return fmt.Sprintf("%s returned %s at %s, which %s had replaced before it began", reader(v.read), x, at, y),
		fmt.Sprintf("%s, or what was written later. %s", y, why)
}

// stepText says what a request did, in a few words.
func (s *storage) stepText(r *traces.Request, a access) string {
	end := "not seen to end"
	if res, _, ok := s.history.Outcome(r); ok {
		end = "result " + res.String()
	} else if r.Fate == traces.Rejected {
		end = "rejected"
	}
	what := "write"
	if !a.write {
		what = "read"
	}
	text := fmt.Sprintf("%s by request %d, %d bytes at %d, %s", what, r.ID, r.Bytes, r.Offset, end)
	if !a.write && r.Opcode.Reads() && a.value != noValue {
		text += ": " + contents(a.value)
	}
	return text
}
