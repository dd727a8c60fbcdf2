package traces

import "fmt"

// Script is the order in which a round is to go on, on a kernel that lets
// itself be held (CONFIG_AIO_THREAD_CONTROL): one move after the other, each
// over before the next begins. kernel.Host carries it out and records a
// KindMove for each move that it has begun.
type Script struct {
	// Gated says by thread which of its steps it makes only when a move has it
	// do so. Other steps are made as in every round, those after the gated ones
	// once the script is over.
	Gated []Span `json:"gated"`
	Moves []Move `json:"moves"`
}

// Span is a range of steps.
type Span struct {
	From uint32 `json:"from"`
	To   uint32 `json:"to"` // the first that is not in it
}

// Move lets one who waits go on.
type Move struct {
	From Place `json:"from"` // where he waits
	// Arm are places at which somebody will have to wait from now on.
	Arm []Place `json:"arm,omitempty"`
	// Until says when the move is over: everybody who moves is where he is then.
	Until []Await `json:"until,omitempty"`
}

// Place is where somebody waits: held by the kernel before a transition, or,
// with Point AtEnd, in user space before a step of a thread, or after the last
// that is gated.
type Place struct {
	Point   Point     `json:"point,omitempty"`
	Thread  uint16    `json:"thread,omitempty"`  // number plus one of the thread that waits; 0 for anybody
	Request RequestID `json:"request,omitempty"` // position plus one of the request that it is about; 0 for any
	Step    uint32    `json:"step,omitempty"`    // in user space: the step that is not begun
}

// String is the place in words: "held before unlinked, request 1".
func (p Place) String() string {
	s := fmt.Sprintf("before step %d", p.Step)
	if p.Point != AtEnd {
		s = "held before " + p.Point.String()
	}
	if p.Thread > 0 {
		s += fmt.Sprintf(", thread %d", p.Thread-1)
	}
	if p.Request > 0 {
		s += fmt.Sprintf(", request %d", p.Request-1)
	}
	return s
}

// Await is a condition for the end of a move.
type Await struct {
	Kind  AwaitKind `json:"kind"`
	Place Place     `json:"place"`
	// Context is the number plus one of a context, of Passed without a request.
	Context uint16 `json:"context,omitempty"`
}

// AwaitKind is what is waited for.
type AwaitKind uint8

// What can be waited for.
const (
	// Waits: somebody waits at Place.
	Waits AwaitKind = iota
	// Asleep: the thread of Place, or the kernel's thread that executes its
	// request, is blocked.
	Asleep
	// Passed: the transition Place.Point of its request, or of Context, has
	// taken place; AtIdle is of the request whose thread that was.
	Passed
	// LetGo waits for nothing: whoever waits at Place, if anybody does, may go
	// on, as what he was held for is not to come any more.
	LetGo
)

// String is "waits", "asleep" or "passed".
func (k AwaitKind) String() string { return [...]string{"waits", "asleep", "passed", "let go"}[k&3] }

// MoveEnd is how a move of a script ended.
type MoveEnd uint8

// How moves end.
const (
	MoveDone MoveEnd = iota
	// MoveLate: something did not come in time. It is the last move.
	MoveLate
	// MoveFree: nobody waits there any more, as his deadline has passed. It is
	// the last move.
	MoveFree
	moveEndEnd
)

// String is "done", "late" or "free".
func (e MoveEnd) String() string {
	if e >= moveEndEnd {
		return "move?"
	}
	return [...]string{"done", "late", "free"}[e]
}

// MoveMade is what became of a move of a script, a record of the controller.
type MoveMade struct {
	Number  uint32 // in Script.Moves; their number, if the threads did not come to their first gated steps
	End     MoveEnd
	Awaited uint32 // of a late move: which of Until did not come
	At      Time
	// The transitions of the move have the numbers from First on, below Next.
	First, Next uint64
}

// Record is the move as a record.
func (m *MoveMade) Record() Record {
	return Record{Kind: KindMove, Code: uint8(m.End), Thread: Controller, Request: m.Number, Context: m.Awaited,
		A: uint64(m.At), B: m.First, C: m.Next}
}

// Move is the inverse of MoveMade.Record.
func (r *Record) Move() MoveMade {
	return MoveMade{Number: r.Request, End: MoveEnd(r.Code), Awaited: r.Context, At: Time(r.A), First: r.B, Next: r.C}
}
