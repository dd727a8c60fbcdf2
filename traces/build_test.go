package traces

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"aiocheck/model"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// declare is a controller's log of one round with one context, the storage,
// a pipe, and a directory with one name.
func declare(end End) Log {
	return Log{RoundRecord(Controller, 0, 1, end), FileRecord(0, Storage, 0, 1<<20), FileRecord(1, Pipe, 0, 0), FileRecord(2, Directory, 0, 0), ContextRecord(0, 8),
		NameRecord(0, 2, Absent, Inode{}), IdentityRecord(Identity{Umask: 0o22}, 1024)}
}

// Short forms of the records of thread 0.
func enter(end End) Record { return RoundRecord(0, 1, 1, end) }

func invoke(kind CallKind, at Time, id RequestID, x int64) Record {
	return InvokeRecord(0, 0, kind, id, 0, at, x, 8, -1)
}

func returns(at Time, ret model.Result) Record { return ReturnRecord(0, at, ret, 0, 0) }

func request(id RequestID, data, obj uint64) Record {
	return RequestRecord(0, 0, id, model.PRead, 0, 0, 4096, 512, 0, data, obj)
}

func event(data, obj uint64) Record { return EventRecord(0, data, obj, 512, 0) }

func TestMalformedLogsAreRefused(t *testing.T) {
	in := enter(EndDrain)
	for _, test := range []struct {
		name   string
		log    Log
		record int
		reason string
	}{
		{"unknown kind", Log{in, {Kind: 99}}, 1, "unknown kind"},
		{"unknown call", Log{in, {Kind: KindInvoke, Code: 99}}, 1, "unknown code 99 of a invoke record"},
		{"call 0", Log{in, {Kind: KindInvoke}}, 1, "unknown code 0"},
		{"unknown class", Log{in, {Kind: KindData, Code: 9}}, 1, "unknown code 9"},
		{"before a round", Log{invoke(CallCancel, 2, 1, 0)}, 0, "before any round"},
		{"return alone", Log{in, returns(2, 0)}, 1, "a return without a call"},
		{"two returns", Log{in, invoke(CallDestroy, 2, 0, 0), returns(3, 0), returns(4, 0)}, 3, "a return without a call"},
		{"call within a call", Log{in, invoke(CallDestroy, 2, 0, 0), invoke(CallDestroy, 3, 0, 0)}, 2, "io_destroy begins within io_destroy"},
		{"return too early", Log{in, invoke(CallDestroy, 5, 0, 0), returns(4, 0)}, 2, "before it began"},
		{"call too early", Log{in, invoke(CallDestroy, 5, 0, 0), returns(6, 0), invoke(CallDestroy, 5, 0, 0)}, 3, "before the call before it returned"},
		{"negative time", Log{in, invoke(CallDestroy, -5, 0, 0)}, 1, "time -5 is out of range"},
		{"event alone", Log{in, event(1, 1)}, 1, "no call has reaped"},
		{"event of a cancel", Log{in, invoke(CallCancel, 2, 1, 0), returns(3, 1), event(1, 1)}, 3, "no call has reaped"},
		{"too few events", Log{in, invoke(CallGetEvents, 2, 0, 0), returns(3, 2), event(1, 1)}, 2, "returned 2 but 1 events follow"},
		{"too few events before a call", Log{in, invoke(CallGetEvents, 2, 0, 0), returns(3, 2), invoke(CallDestroy, 4, 0, 0)}, 3, "before all events"},
		{"too many events", Log{in, invoke(CallGetEvents, 2, 0, 0), returns(3, 1), event(1, 1), event(2, 2)}, 4, "no call has reaped"},
		{"too few requests", Log{in, request(1, 1, 1), invoke(CallSubmit, 2, 0, 2)}, 2, "io_submit of 2 after 1 requests"},
		{"too many requests", Log{in, request(1, 1, 1), request(2, 2, 2), invoke(CallSubmit, 2, 0, 1)}, 3, "io_submit of 1 after 2 requests"},
		{"request not submitted", Log{in, request(1, 1, 1), invoke(CallDestroy, 2, 0, 0)}, 2, "does not submit"},
		{"request within a call", Log{in, invoke(CallDestroy, 2, 0, 0), request(1, 1, 1)}, 2, "a request within a call"},
		{"gap in a batch", Log{in, request(1, 1, 1), request(3, 2, 2), invoke(CallSubmit, 2, 0, 2)}, 2, "request 3 follows request 1"},
		{"same request twice", Log{in, request(1, 1, 1), invoke(CallSubmit, 2, 0, 1), returns(3, 1), request(1, 1, 1), invoke(CallSubmit, 4, 0, 1)}, 5, "submitted twice"},
		{"request 0", Log{in, request(0, 1, 1)}, 1, "request 0 is out of range"},
		{"huge ID", Log{in, request(1<<31, 1, 1)}, 1, "out of range"},
		{"cancel of request 0", Log{in, invoke(CallCancel, 2, 0, 0)}, 1, "request 0 is out of range"},
		{"destroy of a request", Log{in, invoke(CallDestroy, 2, 4, 0)}, 1, "io_destroy names request 4"},
		{"read for another request", Log{in, request(1, 1, 1), invoke(CallRead, 2, 2, 0)}, 2, "read for request 2"},
		{"another context", Log{in, request(1, 1, 1), InvokeRecord(0, 1, CallSubmit, 0, 0, 2, 1, 0, 0)}, 2, "request 1 is of context 0, but submitted to context 1"},
		{"undeclared context", Log{in, InvokeRecord(0, 3, CallDestroy, 0, 0, 2, 0, 0, 0)}, 1, "context 3 of round 1 is not declared"},
		{"undeclared file", Log{in, InvokeRecord(0, 0, CallClose, 0, 3, 2, 0, 0, 0)}, 1, "file 3 of round 1 is not declared"},
		{"declaration by a thread", Log{in, {Kind: KindContext, Context: 4}}, 1, "declared by a program thread"},
		{"round again", Log{in, in}, 1, "round 1 after round 1"},
		{"another end", Log{enter(EndExit)}, 0, "by exit here, by drain elsewhere"},
		{"data of nobody", Log{in, DataRecord(0, 5, DataZero, 0, 64, 0, 0)}, 0, "data record 0 from here on is of request 5"},
		{"data too long", Log{in, {Kind: KindData, Request: 1, B: 1 << 40}}, 1, "data of request 1"},
		{"damage of request 0", Log{in, DamageRecord(0, 0, AfterEvent, 1, 2, 3, 4)}, 1, "request 0 is out of range"},
		{"undeclared name", Log{in, onName(1, 9, 0), invoke(CallSubmit, 2, 0, 1)}, 2, "name 9 of round 1 is not declared"},
		{"undeclared new name", Log{in, onName(1, 0, 9), invoke(CallSubmit, 2, 0, 1)}, 2, "name 9 of round 1 is not declared"},
		{"stat of an undeclared name", Log{in, invoke(CallStat, 2, 0, 9)}, 1, "name 9 of round 1 is not declared"},
		{"stat of a huge name", Log{in, invoke(CallStat, 2, 0, 1<<16)}, 1, "stat of name 65536"},
		{"an unknown way", Log{in, {Kind: KindRequest, Code: uint8(model.UnlinkAt), Request: 1, B: 3 << 32}, invoke(CallSubmit, 2, 0, 1)}, 2, "in the way 3"},
		{"openat without a request", Log{in, invoke(CallOpenAt, 2, 0, 0)}, 1, "openat without a request"},
		{"unlinkat of another request", Log{in, onName(1, 0, 0), invoke(CallUnlinkAt, 2, 2, 0)}, 2, "unlinkat for request 2"},
		{"stat of a request", Log{in, invoke(CallStat, 2, 1, 0)}, 1, "stat names request 1"},
		{"found alone", Log{in, FoundRecord(0, 0, Inode{}, 0, 0)}, 1, "no call has found"},
		{"found within a call", Log{in, invoke(CallStat, 2, 0, 0), FoundRecord(0, 0, Inode{}, 0, 0)}, 2, "no call has found"},
		{"found by a failed stat", Log{in, invoke(CallStat, 2, 0, 0), returns(3, -2), FoundRecord(0, 0, Inode{}, 0, 0)}, 3, "which returned -ENOENT"},
		{"found by a thaw", Log{in, invoke(CallThaw, 2, 0, 0), returns(3, 0), FoundRecord(0, 0, Inode{}, 0, 0)}, 3, "after thaw"},
		{"found by no open", Log{in, request(1, 1, 1), invoke(CallSubmit, 2, 0, 1), returns(3, 1), invoke(CallGetEvents, 4, 0, 1), returns(5, 1), event(1, 1),
			FoundRecord(0, 1, Inode{}, 0, 0)}, 7, "request 1, which is no OPENAT"},
		{"name by a thread", Log{in, {Kind: KindName}}, 1, "declared by a program thread"},
		{"identity by a thread", Log{in, {Kind: KindIdentity}}, 1, "by a program thread"},
		{"exit by a thread", Log{in, {Kind: KindExit, B: 1}}, 1, "by a program thread"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := FromLogs(Header{}, declare(EndDrain), test.log)
			var malformed *MalformedError
			if !errors.As(err, &malformed) || malformed.Record != test.record || !strings.Contains(malformed.Reason, test.reason) {
				t.Errorf("got %v, want record %d: …%s…", err, test.record, test.reason)
			}
		})
	}
}

// onName is a request of thread 0 to rename.
func onName(id RequestID, name, newName uint32) Record {
	return RequestRecord(0, 0, id, model.RenameAt, 2, 0, 0, name|newName<<16, 0, uint64(id), uint64(id))
}

func TestControllerDeclaresOnce(t *testing.T) {
	for reason, more := range map[string]Record{
		"file 0 is declared twice":          FileRecord(0, Storage, 0, 1<<20),
		"context 0 is declared twice":       ContextRecord(0, 8),
		"round 1 after round 1":             RoundRecord(Controller, 5, 1, EndDrain),
		"has flags 0x4":                     FileRecord(3, Pipe, 4, 0),
		"name 0 is declared twice":          NameRecord(0, 2, Absent, Inode{}),
		"identity of a round is told twice": IdentityRecord(Identity{}, 0),
		"name 1 of round 1 is in a pipe":    NameRecord(1, 1, Absent, Inode{}),
		"name 65536 is out of range":        {Kind: KindName, Thread: Controller, Context: 1 << 16},
		"is gone at 3":                      ExitRecord(EndExit, 4, 3),
	} {
		if _, err := FromLogs(Header{}, append(declare(EndDrain), more)); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("got %v, want …%s…", err, reason)
		}
	}
	root := append(declare(EndDrain)[:6], IdentityRecord(Identity{Root: 2}, 0))
	if _, err := FromLogs(Header{}, root); err == nil || !strings.Contains(err.Error(), "file 1 of round 1 is a pipe, not a directory") {
		t.Errorf("a pipe as root: %v", err)
	}
	other := append(declare(EndDrain), RoundRecord(Controller, 9, 2, EndDrain), FileRecord(0, Storage, FileDirect, 1<<20))
	if _, err := FromLogs(Header{}, other); err == nil || !strings.Contains(err.Error(), "storage file 0 is declared as") {
		t.Errorf("two kinds of storage: %v", err)
	}
}

func TestFatesAndEvents(t *testing.T) {
	log := Log{enter(EndDrain),
		invoke(CallSetup, 2, 0, 8), ReturnRecord(0, 3, 0, 0x7000, 128|1<<32),
		request(2, synthRun<<32|2, 0x200), request(3, 77, 0x300), request(4, synthRun<<32|4, 0x400),
		invoke(CallSubmit, 4, 0, 3), returns(5, 2),
		invoke(CallGetEvents, 6, 0, 1), returns(7, 4),
		event(synthRun<<32|2, 0xbad), // by data
		event(77, 0x300),             // by data that does not hold the ID
		event(0xbad, 0x400),          // by address
		event(0xbad, 0xbad),          // nobody's
		DataRecord(0, 2, DataWritten, 0, 512, 0, 0),
		invoke(CallCancel, 8, 6, 0), returns(9, model.Fail(model.EINVAL)),
		invoke(CallGetEvents, 10, 0, 1), returns(11, 1), event(77, 0x300), // a duplicate
		request(5, 5, 0x500), invoke(CallRead, 12, 5, 512), returns(13, 512),
		invoke(CallDestroy, 14, 0, 0),
	}
	h, err := FromLogs(Header{}, declare(EndDrain), log)
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		ID    RequestID
		Fate  Fate
		Call  int32
		Event int32
	}
	var got []row
	for _, r := range h.Requests {
		got = append(got, row{r.ID, r.Fate, r.Call, r.Event})
	}
	want := []row{{0, Unsubmitted, None, None}, {2, Accepted, 1, 0}, {3, Accepted, 1, 1}, {4, Rejected, 1, 2},
		{5, Accepted, 5, None}, {0, Unsubmitted, None, None}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var of []RequestID
	for _, e := range h.Events {
		of = append(of, e.Request)
	}
	if !slices.Equal(of, []RequestID{2, 3, 4, 0, 3}) {
		t.Errorf("events are of requests %v", of)
	}
	x := h.Contexts[0]
	if x.Ring != 128 || x.Compat != 1 || x.Setup != 0 || x.Destroy != None {
		t.Errorf("context %+v", x)
	}
	if last := h.Calls[len(h.Calls)-1]; last.Completed() || h.Calls[4].First != 4 || h.Calls[4].Count != 1 {
		t.Errorf("calls %+v", h.Calls)
	}
}

func TestProcessEndsWithinCalls(t *testing.T) {
	log := Log{enter(EndKill),
		request(1, 1, 1), invoke(CallSubmit, 2, 0, 1), returns(3, 1),
		invoke(CallGetEvents, 4, 0, 1), returns(5, 1), // killed before the event was recorded
		RoundRecord(0, 20, 2, EndKill),
		request(2, 2, 2), invoke(CallSubmit, 21, 0, 1), // killed within io_submit
		RoundRecord(0, 30, 3, EndKill),
		request(3, 3, 3), // killed before io_submit
	}
	controller := append(declare(EndKill), ExitRecord(EndKill, 6, 7))
	for round := range uint64(2) {
		controller = append(controller, RoundRecord(Controller, Time(round)+8, round+2, EndKill), FileRecord(0, Storage, 0, 1<<20),
			ContextRecord(0, 8))
	}
	h, err := FromLogs(Header{}, log, controller)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{1, 2} {
		if h.Calls[i].Completed() {
			t.Errorf("call %d returned: %+v", i, h.Calls[i])
		}
	}
	if f := [3]Fate{h.Requests[0].Fate, h.Requests[1].Fate, h.Requests[2].Fate}; f != [3]Fate{Accepted, Unsure, Unsubmitted} {
		t.Errorf("fates %v", f)
	}
	if r := h.Rounds[0]; r.ExitBegun != 6 || r.Gone != 7 || r.Start != 0 {
		t.Errorf("round %+v", r)
	}
}

// TestFramesInAnyOrder: however frames of different threads interleave, the
// history says the same.
func TestFramesInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logs := synthLogs(rapid.Uint64().Draw(t, "seed"), 3, 3, 60)
		want, err := FromLogs(synthHeader(3), logs...)
		if err != nil {
			t.Fatal(err)
		}
		var mixed Log
		for rest := slices.Clone(logs); len(rest) > 0; {
			i := rapid.IntRange(0, len(rest)-1).Draw(t, "thread")
			n := rapid.IntRange(1, len(rest[i])).Draw(t, "records")
			mixed = append(mixed, rest[i][:n]...)
			if rest[i] = rest[i][n:]; len(rest[i]) == 0 {
				rest = slices.Delete(rest, i, i+1)
			}
		}
		got, err := FromLogs(synthHeader(3), mixed)
		if err != nil {
			t.Fatal(err)
		}
		// What an index points to differs, but not what is there.
		options := cmp.Options{cmpopts.IgnoreFields(Request{}, "Call", "Event", "Found"), cmpopts.IgnoreFields(Context{}, "Setup", "Destroy"),
			cmpopts.IgnoreFields(History{}, "Calls", "Events", "Data", "Found", "Ending")}
		if diff := cmp.Diff(want, got, options); diff != "" {
			t.Error(diff)
		}
		for id := range want.Requests {
			res, known, _ := want.Outcome(&want.Requests[id])
			if res2, known2, _ := got.Outcome(&got.Requests[id]); res != res2 || known != known2 {
				t.Errorf("request %d ended with %v at %d, not %v at %d", id+1, res2, known2, res, known)
			}
			if f, f2 := want.Requests[id].Found, got.Requests[id].Found; (f == None) != (f2 == None) || f != None && want.Found[f].Inode != got.Found[f2].Inode {
				t.Errorf("request %d found %d and %d", id+1, f, f2)
			}
		}
	})
}

// TestCutAnywhere: a file that is truncated anywhere gives a history in which
// nothing is without its cause.
func TestCutAnywhere(t *testing.T) {
	logs := synthLogs(11, 3, 3, 1200)
	var file bytes.Buffer
	w, err := NewWriter(&file, synthHeader(3))
	if err != nil {
		t.Fatal(err)
	}
	head := file.Len()
	rest := slices.Clone(logs)
	slices.Reverse(rest) // the controller first, as a recorder does
	for more := true; more; {
		more = false
		for i := range rest {
			n := min(50+30*i, len(rest[i]))
			if err := w.Append(rest[i][:n]); err != nil {
				t.Fatal(err)
			}
			rest[i] = rest[i][n:]
			more = more || len(rest[i]) > 0
		}
	}
	calls := 0
	for n := head; n < file.Len(); n += 397 {
		h, err := Read(save(t, file.Bytes()[:n]))
		if err != nil {
			t.Fatalf("cut at byte %d: %v", n, err)
		}
		var damage *FormatError
		if !errors.As(h.Cut, &damage) || damage.Offset > int64(n) {
			t.Errorf("cut at byte %d: %v", n, h.Cut)
		}
		for _, c := range h.Calls {
			if c.Invoke >= h.Until || c.Completed() && c.Return >= h.Until {
				t.Errorf("cut at byte %d: call %+v after %d", n, c, h.Until)
			}
		}
		for _, e := range h.Events {
			if e.Request == 0 || h.Requests[e.Request-1].ID == 0 {
				t.Errorf("cut at byte %d: event %+v without its request", n, e)
			}
		}
		if len(h.Calls) < calls {
			t.Errorf("cut at byte %d: %d calls, but %d in a shorter file", n, len(h.Calls), calls)
		}
		calls = len(h.Calls)
	}
	whole, err := FromLogs(synthHeader(3), logs...)
	if err != nil {
		t.Fatal(err)
	}
	if calls < len(whole.Calls)/2 {
		t.Errorf("the longest file gives %d calls of %d", calls, len(whole.Calls))
	}
}
