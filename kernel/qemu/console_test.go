package qemu

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The texts have the form in which Linux 6.1 prints them, shortened.
var consoles = []struct {
	name, text string
	want       []string // kind: summary
}{
	{"a quiet boot", `
SeaBIOS (version 1.16.2)
[    0.000000] Linux version 6.1.0 (a@b) #1 SMP
[    0.004000] WARN_ON is no report
[    0.100000] random: BUG in a sentence is none either
[    0.200000] Run /init as init process
BUG: a program may print this: it has no time stamp
`, nil},
	{"oops", `
[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000010
[   12.345700] #PF: supervisor read access in kernel mode
[   12.345710] #PF: error_code(0x0000) - not-present page
[   12.345720] PGD 0 P4D 0
[   12.345730] Oops: 0000 [#1] PREEMPT SMP
[   12.345740] CPU: 1 PID: 77 Comm: aiocheck-runner Not tainted 6.1.0 #1
[   12.345750] RIP: 0010:aio_complete+0x12/0x200
[   12.345760] Call Trace:
[   12.345770]  <TASK>
[   12.345780]  aio_thread_fn+0x33/0x80
[   12.345790]  </TASK>
[   12.345800] ---[ end trace 0000000000000000 ]---
[   12.345810] RIP: 0010:aio_complete+0x12/0x200
`, []string{"oops: BUG: kernel NULL pointer dereference, address: 0000000000000010"}},
	{"oops and panic", `
[    3.000000] BUG: unable to handle page fault for address: ffffc90000a3c000
[    3.000001] Oops: 0002 [#1] PREEMPT SMP
[    3.000002] ---[ end trace 0000000000000000 ]---
[    3.000003] Kernel panic - not syncing: Fatal exception
[    3.000004] Kernel Offset: disabled
`, []string{"oops: BUG: unable to handle page fault for address: ffffc90000a3c000", "panic: Kernel panic - not syncing: Fatal exception"}},
	{"general protection fault", `
[    3.000000] general protection fault, probably for non-canonical address 0xdffffc0000000002: 0000 [#1] PREEMPT SMP KASAN
[    3.000001] KASAN: null-ptr-deref in range [0x0000000000000010-0x0000000000000017]
[    3.000002] ---[ end trace 0000000000000000 ]---
`, []string{"oops: general protection fault, probably for non-canonical address 0xdffffc0000000002: 0000 [#1] PREEMPT SMP KASAN"}},
	{"WARN with a text, on a console with carriage returns and callers", "" +
		"[    5.000000][   T12] ------------[ cut here ]------------\r\n" +
		"[    5.000001][   T12] refcount_t: underflow; use-after-free.\r\n" +
		"[    5.000002][   T12] WARNING: CPU: 0 PID: 12 at lib/refcount.c:28 refcount_warn_saturate+0xba/0x110\r\n" +
		"[    5.000003][   T12] Modules linked in:\r\n" +
		"[    5.000004][   T12] ---[ end trace 0000000000000000 ]---\r\n",
		[]string{"warning: WARNING: CPU: 0 PID: 12 at lib/refcount.c:28 refcount_warn_saturate+0xba/0x110"}},
	{"BUG_ON", `
[    5.000000] ------------[ cut here ]------------
[    5.000001] kernel BUG at fs/aio.c:1234!
[    5.000002] invalid opcode: 0000 [#1] PREEMPT SMP
[    5.000003] ---[ end trace 0000000000000000 ]---
`, []string{"bug: kernel BUG at fs/aio.c:1234!"}},
	{"list corruption", `
[    5.000000] list_del corruption, ffff888004a3c000->next is LIST_POISON1 (dead000000000100)
[    5.000001] ------------[ cut here ]------------
[    5.000002] kernel BUG at lib/list_debug.c:56!
[    5.000003] ---[ end trace 0000000000000000 ]---
`, []string{"list corruption: list_del corruption, ffff888004a3c000->next is LIST_POISON1 (dead000000000100)", "bug: kernel BUG at lib/list_debug.c:56!"}},
	{"two KASAN reports", `
[    9.000000] ==================================================================
[    9.000001] BUG: KASAN: slab-use-after-free in aio_complete+0x4a/0x310
[    9.000002] Write of size 8 at addr ffff888006b1c0a8 by task aiocheck-runner/91
[    9.000003]
[    9.000004] CPU: 1 PID: 91 Comm: aiocheck-runner Not tainted 6.1.0 #1
[    9.000005] Freed by task 92:
[    9.000006]  kmem_cache_free+0x9c/0x320
[    9.000007] Memory state around the buggy address:
[    9.000008]  ffff888006b1c000: fa fb fb fb fb fb fb fb fb fb fb fb fb fb fb fb
[    9.000009] ==================================================================
[    9.000010] Disabling lock debugging due to kernel taint
[    9.100000] ==================================================================
[    9.100001] BUG: KASAN: double-free in kiocb_free+0x1/0x2
[    9.100002] ==================================================================
`, []string{"kasan: BUG: KASAN: slab-use-after-free in aio_complete+0x4a/0x310", "kasan: BUG: KASAN: double-free in kiocb_free+0x1/0x2"}},
	{"lockdep, then an oops much later", `
[    7.000000] ======================================================
[    7.000001] WARNING: possible circular locking dependency detected
[    7.000002] 6.1.0 #1 Not tainted
[    7.000003] ------------------------------------------------------
[    7.000004] aiocheck-runner/88 is trying to acquire lock:
[    7.000005] ffff888003a1c0d8 (&ctx->ctx_lock){....}-{2:2}, at: io_cancel+0x88/0x160
[    7.000006] but task is already holding lock:
[   20.000000] harmless line
[   21.000000] BUG: unable to handle page fault for address: 0000000000001000
[   21.000001] ---[ end trace 0000000000000000 ]---
`, []string{"lockdep: WARNING: possible circular locking dependency detected", "oops: BUG: unable to handle page fault for address: 0000000000001000"}},
	{"other lockdep", `
[    7.000001] WARNING: inconsistent lock state
[    9.500001] WARNING: suspicious RCU usage
[   12.500001] WARNING: bad unlock balance detected!
`, []string{"lockdep: WARNING: inconsistent lock state", "lockdep: WARNING: suspicious RCU usage", "lockdep: WARNING: bad unlock balance detected!"}},
	{"atomic", `
[    7.000001] BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580
[    7.000002] in_atomic(): 1, irqs_disabled(): 1, non_block: 0, pid: 5, name: kworker/0:0
[    7.000003] Call Trace:
`, []string{"bug: BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580"}},
	{"hung tasks", `
[   41.000000] INFO: task aiocheck-runner:101 blocked for more than 10 seconds.
[   41.000001]       Not tainted 6.1.0 #1
[   41.000002] "echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.
[   41.000003] task:aiocheck-runner state:D stack:0     pid:101   ppid:1      flags:0x00000006
[   41.000004]  wait_for_completion+0x8e/0x160
[   41.000005] INFO: task aiocheck-runner:102 blocked for more than 10 seconds.
[   41.000006]  wait_for_completion+0x8e/0x160
`, []string{"hung task: INFO: task aiocheck-runner:101 blocked for more than 10 seconds.", "hung task: INFO: task aiocheck-runner:102 blocked for more than 10 seconds."}},
	{"lockups and stalls", `
[   60.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [aio/1:77]
[   90.000000] rcu: INFO: rcu_preempt self-detected stall on CPU
[  120.000000] BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 43s!
`, []string{"stall: watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [aio/1:77]", "stall: rcu: INFO: rcu_preempt self-detected stall on CPU",
		"stall: BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 43s!"}},
	{"out of memory", `
[   60.000000] Out of memory: Killed process 90 (aiocheck-runner) total-vm:1000000kB
`, []string{"out of memory: Out of memory: Killed process 90 (aiocheck-runner) total-vm:1000000kB"}},
	{"cut off in the middle", `
[    9.000000] ==================================================================
[    9.000001] BUG: KASAN: slab-use-after-free in aio_com`, []string{"kasan: BUG: KASAN: slab-use-after-free in aio_com"}},
}

func TestScan(t *testing.T) {
	for _, c := range consoles {
		var got []string
		for _, r := range Scan(c.text) {
			got = append(got, r.Kind+": "+r.Summary)
			if !strings.Contains(r.Text, r.Summary) || strings.Contains(r.Text, "\r") || strings.HasPrefix(r.Text, "[ ") {
				t.Errorf("%s: the text of %q is %q", c.name, r.Summary, r.Text)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, diff)
		}
	}
}

// A report ends where it ends: the text is all of it, and nothing else.
func TestReportText(t *testing.T) {
	got := Scan("[    1.000000] before\n" +
		"[    5.000000] ------------[ cut here ]------------\n" +
		"[    5.000001] slot taken twice\n" +
		"[    5.000002] WARNING: CPU: 0 PID: 12 at fs/aio.c:28 get_reqs_available+0xba/0x110\n" +
		"[    5.000003]  io_submit_one+0x1/0x2\n" +
		"[    5.000004] ---[ end trace 0000000000000000 ]---\n" +
		"[    5.000005] after\n")
	want := "------------[ cut here ]------------\nslot taken twice\n" +
		"WARNING: CPU: 0 PID: 12 at fs/aio.c:28 get_reqs_available+0xba/0x110\n io_submit_one+0x1/0x2\n---[ end trace 0000000000000000 ]---"
	if len(got) != 1 || got[0].Text != want {
		t.Errorf("%q", got)
	}
}

// Whatever a guest prints, reports consist of its lines.
func TestScanTakesEverything(t *testing.T) {
	line := rapid.OneOf(rapid.String(), rapid.SampledFrom(strings.Split(consoles[1].text+consoles[7].text, "\n")))
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(line, 0, 30).Draw(t, "lines"), "\n")
		for _, r := range Scan(text) {
			if r.Kind == "" || r.Summary == "" {
				t.Fatalf("%+v of %q", r, text)
			}
			for part := range strings.SplitSeq(r.Text, "\n") {
				if !strings.Contains(clean(text), part) {
					t.Fatalf("%q is not in %q", part, text)
				}
			}
		}
	})
}

type fullDisk struct{ writes int }

func (f *fullDisk) Write([]byte) (int, error) {
	f.writes++
	return 0, errors.New("no space left on device")
}

// The console is kept even if its copy cannot be written, and only so much.
func TestConsole(t *testing.T) {
	disk := &fullDisk{}
	c := &Console{out: disk}
	for _, text := range []string{"one\n", "two\n", "three\n"} {
		if n, err := c.Write([]byte(text)); n != len(text) || err != nil {
			t.Fatal(n, err)
		}
	}
	if c.Text() != "one\ntwo\nthree\n" || disk.writes != 1 {
		t.Errorf("%q, %d writes", c.Text(), disk.writes)
	}
	if got := c.Tail(2); got != "two\nthree" {
		t.Errorf("the last two lines are %q", got)
	}
	c.Write(make([]byte, maxConsole))
	if n, err := c.Write([]byte("x")); n != 1 || err != nil || len(c.Text()) != maxConsole {
		t.Error(n, err, len(c.Text()))
	}
}
