package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"aiocheck/kernel/transitions"
	"aiocheck/traces"
)

// openInside begins to collect what the kernel says of its own steps. Without
// our patches it says nothing, and to others than root neither.
func openInside(origin int64) (*transitions.Reader, error) {
	r, err := transitions.Open(origin)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EACCES) {
		return nil, nil
	}
	return r, err
}

// look hands what the kernel has said to sink.
func (h *Host) look(sink Sink) error {
	if h.inside == nil {
		return nil
	}
	take := sink.Append
	if f := h.forcing; f != nil {
		take = func(records []traces.Record) error {
			f.told(records)
			return sink.Append(records)
		}
	}
	if _, err := h.inside.Drain(take); err != nil {
		return fmt.Errorf("write transitions: %w", err)
	}
	if h.forcing != nil {
		return h.forcing.record(sink)
	}
	return nil
}

// lookLast hands over the rest, and says in the trace that it is all.
func (h *Host) lookLast(sink Sink) error {
	if h.inside == nil {
		return nil
	}
	if err := h.inside.Finish(sink.Append); err != nil {
		return fmt.Errorf("write transitions: %w", err)
	}
	return nil
}

// closeInside ends collecting.
func (h *Host) closeInside() error {
	if h.inside == nil {
		return nil
	}
	inside := h.inside
	h.inside = nil
	return inside.Close()
}
