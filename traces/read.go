package traces

import (
	"errors"
	"io"
	"os"
)

// FromLogs makes a history from what simulated targets and tests recorded in
// memory. Each thread's records are in one log, in their order; a log may
// hold several threads. An error is a MalformedError.
func FromLogs(h Header, logs ...Log) (*History, error) {
	b := newBuilder(h, "", Never)
	ending := Ending{}
	for _, log := range logs {
		ending.Totals.add(log)
	}
	b.presize(ending.Totals, ending.Totals.Records)
	for _, log := range logs {
		for first := 0; first < len(log); {
			end := first + 1
			for end < len(log) && log[end].Thread == log[first].Thread {
				end++
			}
			f := Frame{Thread: log[first].Thread, Records: log[first:end]}
			if err := b.add(f, first); err != nil {
				return nil, err
			}
			first = end
		}
	}
	return b.finish(ending)
}

// Read makes a history from a file. A trace that is truncated or damaged
// gives the history of what comes before, with Cut set; an unreadable header
// is an error, a FormatError, and so are records that make no sense, a
// MalformedError.
func Read(path string) (*History, error) {
	b := newBuilder(Header{}, path, Never)
	ending, cut, err := b.read(path)
	if err != nil {
		return nil, err
	}
	if cut == nil {
		return b.finish(ending)
	}
	// Some threads' records go further than those of others. A second pass
	// takes only what comes before the first that may be missing.
	until := b.whole()
	b = newBuilder(Header{}, path, until)
	if _, _, err := b.read(path); err != nil {
		return nil, err
	}
	b.h.Cut = cut
	return b.finish(Ending{})
}

// read adds all frames of a file; cut says why they are not all of the trace.
func (b *builder) read(path string) (ending Ending, cut, err error) {
	r, err := Open(path)
	if err != nil {
		return Ending{}, nil, err
	}
	defer r.Close()
	b.h.Header = r.Header
	b.presize(tailTotals(r.file))
	for {
		f, err := r.Next()
		var damage *FormatError
		switch {
		case err == io.EOF:
			return *r.Ending(), nil, nil
		case errors.As(err, &damage) && r.Ending() == nil:
			return Ending{}, err, nil
		case err != nil:
			return Ending{}, nil, err
		}
		if err := b.add(f, 0); err != nil {
			return Ending{}, nil, err
		}
	}
}

// whole is the time before which every thread's records are there: the last
// one of the thread that recorded least, and no round whose declarations by
// the controller are missing.
func (b *builder) whole() Time {
	until := Never
	for n := range b.h.Header.Workload.Threads {
		if b.threads[uint16(n)] == nil {
			return 0
		}
	}
	for number, t := range b.threads {
		if number != Controller {
			until = min(until, t.last)
		}
	}
	missing := func(round int32) { until = min(until, b.h.Rounds[round].Start) }
	for i, declared := range b.declared {
		if !declared {
			missing(int32(i))
		}
	}
	for i := range b.fileInfo {
		if !b.fileInfo[i].done {
			missing(b.h.Files[i].Round)
		}
	}
	for i := range b.contextInfo {
		if !b.contextInfo[i].done {
			missing(b.h.Contexts[i].Round)
		}
	}
	for i := range b.nameInfo {
		if !b.nameInfo[i].done {
			missing(b.h.Names[i].Round)
		}
	}
	if until == Never {
		return 0 // no thread recorded anything
	}
	return until
}

// tailTotals reads the totals of a file's end frame, to make room for the
// tables, and how many records a file of its size can be expected to hold.
// It gives zeros if the file cannot be sought in or has no end frame.
func tailTotals(f *os.File) (t Totals, most int64) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return t, 0
	}
	size := min(info.Size(), maxEnding+frameHeadSize)
	tail := make([]byte, size)
	if _, err := f.ReadAt(tail, info.Size()-size); err != nil {
		return t, 0
	}
	ending, ok := findEnding(tail)
	if !ok {
		return t, 0
	}
	return ending.Totals, info.Size() / minStored
}
