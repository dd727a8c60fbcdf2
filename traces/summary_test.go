package traces

import (
	"bytes"
	"encoding/json"
	"testing"

	"aiocheck/model"

	"github.com/google/go-cmp/cmp"
)

func history(t *testing.T, h Header, logs ...Log) *History {
	t.Helper()
	got, err := FromLogs(h, logs...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSummaryOfATinyRun(t *testing.T) {
	s := Summarize(history(t, synthHeader(1), tiny()...))
	var text bytes.Buffer
	if err := s.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	golden(t, "tiny.txt", text.Bytes())
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "tiny.summary.json", append(b, '\n'))
}

func TestSummaryAddsUp(t *testing.T) {
	const requests = 5000
	s := Summarize(history(t, synthHeader(4), synthLogs(9, 4, 5, requests)...))
	var all, ended, accepted, measured, cancels, made int64
	for _, o := range s.Requests {
		all += o.Accepted + o.Rejected + o.Unsure + o.Plain
		accepted += o.Accepted
		ended += o.Ended
	}
	for _, l := range s.Latency {
		measured += l.Count
		if l.P50 > l.P90 || l.P90 > l.P99 || l.P99 > l.P999 || l.P999 > l.Max {
			t.Errorf("latency %+v", l)
		}
	}
	for _, c := range s.Cancels {
		cancels += c.Count
	}
	for _, c := range s.Calls {
		if c.Call == "io_cancel" {
			made = c.Count
		}
	}
	if all != requests || accepted != s.Accepted || ended != s.Events || measured != ended || cancels != made || made == 0 {
		t.Errorf("%d requests, %d accepted, %d ended, %d measured, %d of %d cancels: %+v", all, accepted, ended, measured, cancels, made, s)
	}
}

// TestCancelsByWhatFollowed has one io_cancel of each kind.
func TestCancelsByWhatFollowed(t *testing.T) {
	h := Header{Contract: model.Contract{Threaded: true, CancelledPoll: 0}}
	log := Log{enter(EndDrain)}
	for id := RequestID(1); id <= 6; id++ {
		r := request(id, uint64(id), uint64(id))
		if id == 1 {
			r.Code = uint8(model.Poll)
		}
		log.Record(r)
	}
	at := Time(10)
	cancel := func(id RequestID, ret model.Result) {
		log = append(log, invoke(CallCancel, at, id, 0), returns(at+1, ret))
		at += 10
	}
	log = append(log, invoke(CallSubmit, 2, 0, 6), returns(3, 5))
	for id := RequestID(1); id <= 7; id++ {
		cancel(id, model.Fail(model.EINVAL))
	}
	log = append(log, invoke(CallGetEvents, at, 0, 1), returns(at+1, 4))
	for id, res := range []model.Result{0, model.Fail(model.EINTR), model.Fail(model.EIO), 512} {
		log.Record(EventRecord(0, uint64(id+1), 0, res, 0))
	}
	at += 10
	cancel(4, model.Fail(model.EINVAL))
	log.Record(invoke(CallCancel, at, 1, 0))
	got := map[CancelCount]bool{}
	for _, c := range Summarize(history(t, h, declare(EndDrain), log)).Cancels {
		got[c] = true
	}
	want := map[CancelCount]bool{{"none", ThenBefore, 1}: true}
	for then, n := range map[string]int64{ThenCancelled: 2, ThenError: 1, ThenNatural: 1, ThenNever: 1, ThenRejected: 1, ThenUnsubmitted: 1, ThenBefore: 1} {
		want[CancelCount{"-EINVAL", then, n}] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestShortNumbers(t *testing.T) {
	for ns, want := range map[int64]string{0: "0 ns", 999: "999 ns", 1500: "1.50 µs", 12_345: "12.3 µs", 123_456_789: "123 ms", 2e9: "2 s", 4e12: "4000 s"} {
		if got := short(ns); got != want {
			t.Errorf("short(%d) is %q, not %q", ns, got, want)
		}
	}
	for bytes, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.50 KiB", 1 << 20: "1 MiB", 5e12: "4.55 TiB"} {
		if got := size(bytes); got != want {
			t.Errorf("size(%d) is %q, not %q", bytes, got, want)
		}
	}
}
