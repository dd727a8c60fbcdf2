//go:build guest

package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aiocheck/checker"
	"aiocheck/kernel"
	"aiocheck/traces"
	"aiocheck/traces/workload"
)

// image is the kernel to test on.
func image(t testing.TB) string {
	t.Helper()
	path := os.Getenv("AIOCHECK_KERNEL")
	if path == "" {
		t.Fatal("AIOCHECK_KERNEL has to name a bzImage: see docs/guests.md")
	}
	return path
}

// accelerator is found out once for all guests of the test.
var accelerator = sync.OnceValues(func() (string, error) {
	accel, _, err := Accelerator(context.Background(), "/dev/kvm")
	return accel, err
})

func boot(t testing.TB, device, fileSystem string) *Guest {
	t.Helper()
	accel, err := accelerator()
	if err != nil {
		t.Fatal(err)
	}
	g, err := Boot(context.Background(), Config{Accel: accel, Kernel: image(t), Device: device, FileSystem: fileSystem, Bytes: 1 << 20, Memory: 512 << 20, CPUs: 2})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func closeGuest(t testing.TB, g *Guest) {
	t.Helper()
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

var guestOptions = kernel.Options{Run: 7, Threads: 4, Records: 1 << 12}

// Emulation always works: what the probe finds is then about KVM.
func TestGuestProbe(t *testing.T) {
	if _, err := Probe(context.Background(), "tcg", time.Minute); err != nil {
		t.Fatal(err)
	}
}

// Histories of every device and file system hold, of two runs in one guest;
// the kernels have nothing to report.
func TestGuestDevices(t *testing.T) {
	for _, c := range []struct{ device, fileSystem string }{
		{onVirtio, bare}, {onVirtio, onExt4}, {onVirtio, onXFS}, {onVirtio, onTmpfs},
		{onNullBlk, bare}, {onNullBlk, onExt4}, {onLoop, bare}, {onLoop, onXFS},
		{onDMDelay, bare}, {onDMError, bare}, {onDMError, onExt4}, {onDMFlakey, onExt4},
	} {
		t.Run(c.device+" "+c.fileSystem, func(t *testing.T) {
			t.Parallel()
			g := boot(t, c.device, c.fileSystem)
			defer closeGuest(t, g)
			for run := range uint32(2) {
				opts := guestOptions
				opts.Run = run + 1
				if j := judged(t, g.session, g.setup(Options{Host: opts}), 400); j.Outcome != checker.Holds {
					t.Errorf("run %d: %+v", run, j)
				}
			}
			if r := g.Reports(); len(r) > 0 {
				t.Errorf("the kernel reports %+v", r)
			}
			want, err := Release(image(t))
			if err != nil || g.Hello.Kernel.Release != want {
				t.Errorf("%+v runs, not %q, %v", g.Hello.Kernel, want, err)
			}
		})
	}
}

// Guests that are restored from one snapshot, side by side, do not meet.
func TestGuestSnapshot(t *testing.T) {
	accel, err := accelerator()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ device, fileSystem string }{{onVirtio, onExt4}, {onDMError, bare}} {
		t.Run(c.device+" "+c.fileSystem, func(t *testing.T) {
			t.Parallel()
			s, err := TakeSnapshot(context.Background(), Config{Accel: accel, Kernel: image(t), Device: c.device, FileSystem: c.fileSystem, Bytes: 1 << 20, Memory: 512 << 20, CPUs: 2},
				Options{Host: guestOptions})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			for i := range 3 {
				t.Run(fmt.Sprint(i), func(t *testing.T) {
					t.Parallel()
					g, err := s.Restore(context.Background(), "")
					if err != nil {
						t.Fatal(err)
					}
					defer closeGuest(t, g)
					if j := judgedRun(t, g.session, s.Ready, guestOptions.Run, 300); j.Outcome != checker.Holds {
						t.Errorf("%+v", j)
					}
					if r := g.Reports(); len(r) > 0 {
						t.Errorf("the kernel reports %+v", r)
					}
				})
			}
		})
	}
}

// A killed guest leaves its records, and the error says that it is gone.
func TestGuestDies(t *testing.T) {
	g := boot(t, onVirtio, onTmpfs)
	defer closeGuest(t, g)
	if _, err := g.Open(context.Background(), Options{Host: guestOptions}); err != nil {
		t.Fatal(err)
	}
	round := uint64(0)
	var got collected
	err := g.Run(context.Background(), func() (*traces.Program, bool) {
		if round == 2 {
			g.kill()
		}
		p := oneRead(round)
		round++
		return p, true
	}, &got)
	if !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("%v", err)
	}
	if len(got) == 0 {
		t.Error("nothing is left of two rounds")
	}
}

// A cancelled context ends a guest while it boots.
func TestGuestBootCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var once sync.Once
	_, err := Boot(ctx, Config{Kernel: image(t), Append: "loglevel=7", Device: onVirtio, FileSystem: onTmpfs, Bytes: 1 << 20, Memory: 512 << 20, CPUs: 1,
		Console: writerFunc(func() { once.Do(cancel) })})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

type writerFunc func()

func (f writerFunc) Write(p []byte) (int, error) { f(); return len(p), nil }

// Kernels that cannot boot say so, with what they print.
func TestGuestBootFails(t *testing.T) {
	for _, c := range []struct {
		name, params, want string
		memory             int64
	}{
		{"no init", "rdinit=/nosuch", "its kernel reports: Kernel panic - not syncing: ", 512 << 20},
		{"too little memory", "", "the guest is gone", 24 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Boot(context.Background(), Config{Kernel: image(t), Append: c.params, Memory: c.memory, CPUs: 1})
			if !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
	truncated := filepath.Join(t.TempDir(), "bzImage")
	text, err := os.ReadFile(image(t))
	if err == nil {
		err = os.WriteFile(truncated, text[:len(text)/2], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Boot(context.Background(), Config{Kernel: truncated, Device: onVirtio, FileSystem: onTmpfs, Bytes: 1 << 20, Memory: 512 << 20, CPUs: 1}); err == nil {
		t.Error("half a kernel boots")
	}
}

// BenchmarkBoot measures a cold start: to init, and to the first record of a
// system call of a program.
func BenchmarkBoot(b *testing.B) {
	if _, err := accelerator(); err != nil {
		b.Fatal(err)
	}
	var init, guest, first float64
	for b.Loop() {
		began := time.Now()
		g := boot(b, onVirtio, onTmpfs)
		if _, err := g.Open(context.Background(), Options{Host: guestOptions}); err != nil {
			b.Fatal(err)
		}
		first += firstCall(b, g, began).Seconds()
		init += g.Boot.Seconds()
		guest += g.Hello.Uptime.Seconds()
		closeGuest(b, g)
	}
	n := float64(b.N)
	b.ReportMetric(init/n, "s-to-init")
	b.ReportMetric(guest/n, "guest-s-to-init")
	b.ReportMetric(first/n, "s-to-first-call")
}

// BenchmarkRestore measures a start from a snapshot: to where the guest waits
// for programs, and to the first record of a system call of a program.
func BenchmarkRestore(b *testing.B) {
	accel, err := accelerator()
	if err != nil {
		b.Fatal(err)
	}
	s, err := TakeSnapshot(context.Background(), Config{Accel: accel, Kernel: image(b), Device: onVirtio, FileSystem: onExt4, Bytes: 16 << 20, Memory: 512 << 20, CPUs: 2},
		Options{Host: guestOptions})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var awake, first float64
	for b.Loop() {
		began := time.Now()
		g, err := s.Restore(context.Background(), "")
		if err != nil {
			b.Fatal(err)
		}
		first += firstCall(b, g, began).Seconds()
		awake += g.Boot.Seconds()
		closeGuest(b, g)
	}
	n := float64(b.N)
	b.ReportMetric(s.Took.Seconds(), "s-to-snapshot")
	b.ReportMetric(float64(s.Bytes)/1e6, "MB-state")
	b.ReportMetric(awake/n, "s-to-awake")
	b.ReportMetric(first/n, "s-to-first-call")
}

// firstCall runs a program of one read and returns when its first record came.
func firstCall(b *testing.B, g *Guest, began time.Time) time.Duration {
	b.Helper()
	rounds := uint64(0)
	var at time.Duration
	err := g.Run(context.Background(), func() (*traces.Program, bool) {
		rounds++
		return oneRead(rounds - 1), rounds == 1
	}, sinkFunc(func(r []traces.Record) {
		if at == 0 && r[0].Thread != traces.Controller {
			at = time.Since(began)
		}
	}))
	if err != nil {
		b.Fatal(err)
	}
	return at
}

// BenchmarkDevices measures how many requests a second programs make, in one
// guest after the other and in two side by side.
func BenchmarkDevices(b *testing.B) {
	for _, c := range []struct {
		device, fileSystem string
		guests             int
	}{
		{onVirtio, bare, 1}, {onVirtio, bare, 2}, {onVirtio, onExt4, 1}, {onVirtio, onXFS, 1}, {onVirtio, onTmpfs, 1}, {onNullBlk, bare, 1},
		{onNullBlk, onExt4, 1}, {onLoop, bare, 1}, {onDMDelay, bare, 1}, {onDMError, bare, 1}, {onDMFlakey, bare, 1},
	} {
		b.Run(fmt.Sprintf("%s-%s-%d", c.device, c.fileSystem, c.guests), func(b *testing.B) {
			guests := make([]*Guest, c.guests)
			for i := range guests {
				guests[i] = boot(b, c.device, c.fileSystem)
				defer closeGuest(b, guests[i])
			}
			var requests atomic.Int64
			b.ResetTimer()
			for b.Loop() {
				var all sync.WaitGroup
				for _, g := range guests {
					all.Go(func() { requests.Add(someRequests(b, g)) })
				}
				all.Wait()
			}
			b.ReportMetric(float64(requests.Load())/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

// someRequests runs a workload of a thousand requests and returns how many it
// was in the end.
func someRequests(b *testing.B, g *Guest) (requests int64) {
	ready, err := g.Open(context.Background(), Options{Host: guestOptions})
	if err != nil {
		b.Error(err)
		return 0
	}
	load := traces.Workload{Seed: 3, Threads: 2, Depth: 16, Mix: "default", MinBytes: 512, MaxBytes: 64 << 10, Requests: 1000}
	programs, err := workload.New(load, ready.Device, 2, ready.Abilities)
	if err != nil {
		b.Error(err)
		return 0
	}
	err = g.Run(context.Background(), programs.Next, sinkFunc(func(records []traces.Record) {
		for i := range records {
			if records[i].Kind == traces.KindRequest && records[i].Context != traces.NoContext {
				requests++
			}
		}
	}))
	if err != nil {
		b.Error(err)
	}
	return requests
}

type sinkFunc func([]traces.Record)

func (f sinkFunc) Append(r []traces.Record) error { f(r); return nil }
