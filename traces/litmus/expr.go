package litmus

import (
	"strconv"
	"strings"
)

// Expr is a boolean expression over what can be observed of an outcome.
type Expr struct {
	Op   Op
	Args []Expr // of And and Or two or more, of Not one
	Atom Atom   // of Is
}

// Op is an operator.
type Op uint8

// The operators.
const (
	Is Op = iota
	Not
	And
	Or
)

// Atom is a statement about one thing that can be observed.
type Atom struct {
	Kind    AtomKind
	Call    CallRef // of CallIs and Got
	Name    string  // the request, file or property
	Field   Field   // of RequestIs
	Other   string  // of Before
	Offset  int64   // of UnitIs, in bytes: on a stream from the oldest byte in it
	Unequal bool    // of CallIs, RequestIs, StreamIs, UnitIs: != instead of =
	Value   Value
}

// AtomKind is the form of an atom.
type AtomKind uint8

// The forms.
const (
	CallIs    AtomKind = iota // T0.cancel = -EINVAL
	RequestIs                 // a.res = 4K
	StreamIs                  // p = 4K: the bytes that a stream holds
	Got                       // T0.getevents got a: the call took the event of a
	Before                    // a before b: the events' order in the ring
	UnitIs                    // f[4K] = a: who wrote the unit of a file there, or that a read got there
	Hangs                     // a call has not returned
	Violates                  // a property was violated on the way
)

// CallRef names the N-th call, from 1, of a kind that a thread makes.
type CallRef struct {
	Thread string
	Do     Do
	N      int
}

// Field is what is asked of a request.
type Field uint8

// The fields.
const (
	Res    Field = iota // of its event: bytes, -errno, ready, fd; none without an event
	Effect              // none, partial, full
	Iocb                // submitted or rewritten: the arguments it was executed with
	Task                // submitter, changed or worker: the context it was executed in
	Covers              // of an fsync: how many writes to its file had taken effect before it
	numFields
)

var fieldNames = [numFields]string{"res", "effect", "iocb", "task", "covers"}

// String is the field as it is written in a test.
func (f Field) String() string { return fieldNames[f] }

// fieldValues are the words that a field can be, in place of numbers.
var fieldValues = [numFields][]string{
	Res:    {"none", "ready", "fd"},
	Effect: {"none", "partial", "full"},
	Iocb:   {"submitted", "rewritten"},
	Task:   {"submitter", "changed", "worker"},
}

// unitValues are the words for the writer of a unit that no request wrote: it
// was there at the beginning, a plain write put it there, there is none.
var unitValues = []string{"old", "plain", "none"}

// callValues are the words that a call's result can be, in place of numbers:
// not returned, not made, and the answers of aio_cancel(3).
var callValues = []string{"hangs", "unmade", "NOTCANCELED", "ALLDONE"}

// Value is a word, or a number if Word is empty.
type Value struct {
	Word   string
	Number int64
}

// String is the value as it is written in a test.
func (v Value) String() string {
	if v.Word != "" {
		return v.Word
	}
	return formatSize(v.Number)
}

// formatSize writes a number of bytes, in K or M where that is exact.
func formatSize(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + "M"
	case n >= 1<<10 && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + "K"
	}
	return strconv.FormatInt(n, 10)
}

// maxSize keeps sums of sizes far from overflow.
const maxSize = 1 << 40

// parseSize is the inverse of formatSize.
func parseSize(s string) (int64, bool) {
	shift := 0
	digits := s
	switch {
	case strings.HasSuffix(s, "K"):
		shift, digits = 10, s[:len(s)-1]
	case strings.HasSuffix(s, "M"):
		shift, digits = 20, s[:len(s)-1]
	}
	n, err := strconv.ParseUint(digits, 10, 40)
	if err != nil || n<<shift >= maxSize {
		return 0, false
	}
	return int64(n << shift), true
}
