package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"aiocheck/traces"
)

// ErrLeak is wrapped by the error of a run of which a round left something
// behind, with Options.Leaks. The round's records are in the sink.
var ErrLeak = errors.New("the round leaves something behind")

// LeakError is an ErrLeak whose words come from another process, or a guest.
type LeakError struct{ Text string }

func (l *LeakError) Error() string { return l.Text }

// Unwrap is ErrLeak.
func (l *LeakError) Unwrap() error { return ErrLeak }

// holdings is what a process has that a round must give back.
type holdings struct {
	descriptors int
	slots       int // of all processes: /proc/sys/fs/aio-nr
	workers     int // threads of contexts of this process
}

// holdings counts. Slots and threads are told from those of others only where
// the kernel is the target's own. Before descriptors some file is read: Go opens
// some of its own when the first one is.
func (r *runner) holdings() (h holdings, err error) {
	if _, err := os.ReadFile("/proc/self/comm"); err != nil {
		return h, fmt.Errorf("count descriptors: %w", err)
	}
	if r.conf.Own {
		if err := h.ofContexts(); err != nil {
			return h, err
		}
	}
	open, err := openDescriptors()
	h.descriptors = len(open)
	return h, err
}

// ofContexts counts what contexts have.
func (h *holdings) ofContexts() error {
	text, err := os.ReadFile("/proc/sys/fs/aio-nr")
	if err != nil {
		return fmt.Errorf("count slots: %w", err)
	}
	if h.slots, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
		return fmt.Errorf("count slots: %w", err)
	}
	// kernel/patches, fs/aio_thread.c: kthread_create(…, "aio-%d", current->tgid).
	name := fmt.Sprintf("aio-%d\n", os.Getpid())
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return fmt.Errorf("count threads: %w", err)
	}
	for _, path := range names {
		// A process that is gone meanwhile is none of them.
		if comm, err := os.ReadFile(path); err == nil && string(comm) == name {
			h.workers++
		}
	}
	return nil
}

// leakSettles is how long what a round has left may take to go: threads end after
// the context that they were for.
const leakSettles = 2 * time.Second

// leaked says what a round has left behind.
func (r *runner) leaked(before holdings, within time.Duration) error {
	var now holdings
	for ends := time.Now().Add(within); ; yield() {
		var err error
		if now, err = r.holdings(); err != nil {
			return err
		}
		if now.descriptors <= before.descriptors && now.slots <= before.slots && now.workers <= before.workers {
			return nil
		}
		if time.Now().After(ends) {
			break
		}
	}
	var left []string
	for _, l := range []struct {
		what        string
		before, now int
	}{{"descriptors", before.descriptors, now.descriptors}, {"slots (aio-nr)", before.slots, now.slots}, {"threads of contexts", before.workers, now.workers}} {
		if l.now > l.before {
			left = append(left, fmt.Sprintf("%d %s after %d", l.now, l.what, l.before))
		}
	}
	return fmt.Errorf("%w: %s", ErrLeak, strings.Join(left, ", "))
}

// gives reports whether a round has to give back all that it took: its process
// goes on.
func gives(p *traces.Program) bool { return p.End == traces.EndDrain || p.End == traces.EndDestroy }
