//go:build browser

// These tests need Chromium: `apt-get install chromium`, or any Chrome that
// chromedp finds in PATH. They run only with -tags browser, and then fail
// without it.

package report

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// open loads a page in a browser of its own and waits until it says that it
// can be used. Whatever the console shows, a script's exception and a refusal
// by the page's policy too, fails the test.
func open(t *testing.T, path string) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WindowSize(1280, 900), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		// A click must not aim at a page that is still scrolling.
		chromedp.Flag("force-prefers-reduced-motion", true))
	allocated, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocated)
	// The limit is for a page that never becomes ready, not for a slow one.
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	watched := make(chan struct{})
	t.Cleanup(func() {
		stop()
		<-watched
		end()
		endAllocator()
	})
	messages := chromedp.Console(ctx)
	go func() {
		defer close(watched)
		for m, err := range messages {
			if err != nil {
				return
			}
			t.Errorf("the console shows: %s", m)
		}
	}()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Errorf("the page asks for %s", r.URL)
		}
		http.ServeFile(w, r, path)
	}))
	t.Cleanup(server.Close)
	err := chromedp.Do(ctx, chromedp.Navigate(server.URL+"/"))
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatalf("no Chromium in PATH: install it (apt-get install chromium): %v", err)
	}
	if err != nil {
		t.Fatalf("open the page: %v", err)
	}
	until(t, ctx, `document.documentElement.dataset.ready === "true"`)
	return ctx
}

func do(t *testing.T, ctx context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// evaluate gives the value of an expression in the page.
func evaluate[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("evaluate %s: %v", expression, err)
	}
	return value
}

// until waits for an expression to hold, looking once a frame. chromedp.Poll
// would do the same through a function made of text, which the page's policy
// forbids.
func until(t *testing.T, ctx context.Context, expression string) {
	t.Helper()
	evaluate[bool](t, ctx, fmt.Sprintf(`new Promise((done) => {
		const look = () => (%s) ? done(true) : requestAnimationFrame(look);
		look();
	})`, expression))
}

func text(t *testing.T, ctx context.Context, selector string) string {
	t.Helper()
	return evaluate[string](t, ctx, fmt.Sprintf("document.querySelector(%q).textContent", selector))
}

// search types a query and returns how many matches the page says it has.
func search(t *testing.T, ctx context.Context, query string) string {
	t.Helper()
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`query.value = ""`), chromedp.SendKeys(chromedp.CSS("#query"), query))
	return text(t, ctx, "#found")
}

// shown is the time between the edges of the timeline, in nanoseconds.
const shown = "(canvas.dataset.to - canvas.dataset.from)"

// colours counts the colours of the timeline's pixels.
const colours = `(() => {
	const canvas = document.getElementById("canvas"), pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
	const seen = new Set();
	for (let i = 0; i < pixels.length; i += 4) seen.add(pixels[i] << 16 | pixels[i + 1] << 8 | pixels[i + 2]);
	return seen.size;
})()`

func TestBrowserShowsARun(t *testing.T) {
	ctx := open(t, holdsPage(t))
	if got := text(t, ctx, "#banner h1"); !strings.Contains(got, "Holds: all") {
		t.Errorf("the banner says %q", got)
	}
	if n := evaluate[int](t, ctx, colours); n < 10 {
		t.Errorf("the timeline has %d colours: it looks blank", n)
	}
	if evaluate[bool](t, ctx, "document.documentElement.scrollWidth > innerWidth") {
		t.Error("the page is wider than 1280 pixels")
	}
}

func TestBrowserZoomsAndPans(t *testing.T) {
	ctx := open(t, holdsPage(t))
	do(t, ctx, chromedp.Click(chromedp.CSS("#fit")))
	until(t, ctx, shown+" > 500000")
	all := evaluate[float64](t, ctx, shown)
	do(t, ctx, chromedp.Focus(chromedp.CSS("#canvas")), chromedp.KeyEvent("+"))
	until(t, ctx, fmt.Sprintf("%s < %g", shown, all*0.7))
	from := evaluate[float64](t, ctx, "Number(canvas.dataset.from)")
	do(t, ctx, chromedp.KeyEvent(kb.ArrowRight))
	until(t, ctx, fmt.Sprintf("canvas.dataset.from > %g", from))
	do(t, ctx, chromedp.KeyEvent("0"))
	until(t, ctx, fmt.Sprintf("%s == %g", shown, all))
	before := text(t, ctx, "#range")
	// The pointer has to move on the canvas before the wheel zooms.
	evaluate[chromedp.Void](t, ctx, `(() => {
		const box = canvas.getBoundingClientRect(), at = {clientX: box.left + 600, clientY: box.top + 200, bubbles: true, cancelable: true};
		canvas.dispatchEvent(new PointerEvent("pointermove", at));
		canvas.dispatchEvent(new WheelEvent("wheel", {...at, deltaY: -200}));
	})()`)
	until(t, ctx, fmt.Sprintf("%s < %g", shown, all*0.7))
	if after := text(t, ctx, "#range"); after == before {
		t.Errorf("the range still says %q", after)
	}
}

func TestBrowserFindsARequest(t *testing.T) {
	ctx := open(t, holdsPage(t))
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#query"), "217"+kb.Enter), chromedp.WaitVisible(chromedp.CSS("#details")))
	if got := text(t, ctx, "#details h3"); !strings.HasPrefix(got, "request 217 ") {
		t.Fatalf("search for 217 shows %q", got)
	}
	if got := text(t, ctx, "#found"); got != "1 of 1" {
		t.Errorf("the search says %q", got)
	}
	// Details close with Escape, and open again by a click on the request,
	// which the search has brought to the middle of the picture.
	do(t, ctx, chromedp.Focus(chromedp.CSS("#canvas")), chromedp.KeyEvent(kb.Escape), chromedp.WaitNotVisible(chromedp.CSS("#details")))
	until(t, ctx, "canvas.width === Math.round(canvas.getBoundingClientRect().width * devicePixelRatio)")
	clicked := evaluate[bool](t, ctx, `(() => {
		const box = canvas.getBoundingClientRect();
		for (let y = box.top + 30; y < box.bottom; y += 4) {
			const at = {clientX: box.left + 92 + (box.width - 92) / 2, clientY: y, pointerId: 1, bubbles: true};
			canvas.setPointerCapture = () => {};
			canvas.dispatchEvent(new PointerEvent("pointerdown", at));
			canvas.dispatchEvent(new PointerEvent("pointerup", at));
			if (!details.hidden && details.querySelector("h3").textContent.startsWith("request 217 ")) return true;
			canvas.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
		}
		return false;
	})()`)
	if !clicked {
		t.Error("no click finds request 217")
	}
}

func TestBrowserSearchesByEveryName(t *testing.T) {
	ctx := open(t, violatedPage(t))
	for _, query := range []string{"PREAD", "eintr", "-EIO", "io_cancel", "thread 2", "cancelled", ">50us", "never reaped", "finding", "PWRITE short", "io_cancel EINVAL thread 1", "round 1 rejected", "context 3 poll"} {
		first := search(t, ctx, query)
		do(t, ctx, chromedp.Click(chromedp.CSS("#next")), chromedp.WaitVisible(chromedp.CSS("#details")))
		if got := text(t, ctx, "#found"); !strings.HasPrefix(got, "1 of ") || !strings.HasSuffix(got, first) {
			t.Errorf("search for %q says %q, then %q", query, first, got)
		}
	}
	if got := search(t, ctx, "xyzzy"); !strings.Contains(got, "xyzzy") {
		t.Errorf("search for nonsense says %q", got)
	}
}

func TestBrowserShowsTheViolationFirst(t *testing.T) {
	ctx := open(t, violatedPage(t))
	if got := text(t, ctx, "#banner h1"); !strings.Contains(got, "Violated: 2 of") {
		t.Errorf("the banner says %q", got)
	}
	if !evaluate[bool](t, ctx, `findings.getBoundingClientRect().top < timeline.getBoundingClientRect().top && findings.getBoundingClientRect().top < innerHeight / 2`) {
		t.Error("the findings do not come first")
	}
	if n := evaluate[int](t, ctx, `document.querySelectorAll("#finding-0 svg .unplaced").length`); n != 1 {
		t.Errorf("%d steps are marked as fitting nowhere, want 1", n)
	}
	first := evaluate[float64](t, ctx, shown)
	do(t, ctx, chromedp.Focus(chromedp.CSS("#canvas")), chromedp.KeyEvent("0"))
	until(t, ctx, fmt.Sprintf("%s > %g", shown, first))
	do(t, ctx, chromedp.Click(chromedp.CSS("[data-finding='0']")))
	until(t, ctx, fmt.Sprintf("%s == %g", shown, first))
	do(t, ctx, chromedp.Click(chromedp.CSS("#finding-0 .steps [data-request]")), chromedp.WaitVisible(chromedp.CSS("#details a.violation")))
}

func TestBrowserTakesHundredThousandRequests(t *testing.T) {
	ctx := open(t, largePage(t))
	do(t, ctx, chromedp.Click(chromedp.CSS("#fit")))
	until(t, ctx, shown+" > 10000000")
	if n := evaluate[int](t, ctx, colours); n < 10 {
		t.Errorf("the timeline of the whole run has %d colours: it looks blank", n)
	}
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#query"), "99000"+kb.Enter), chromedp.WaitVisible(chromedp.CSS("#details")))
	if got := text(t, ctx, "#details h3"); !strings.HasPrefix(got, "request 99000 ") {
		t.Errorf("search for 99000 shows %q", got)
	}
}

// TestBrowserRunsNoHostileString opens a page whose every string is an attack.
func TestBrowserRunsNoHostileString(t *testing.T) {
	h := hostileHistory()
	ctx := open(t, writePage(t, h, hostileJudgement(h)))
	if evaluate[bool](t, ctx, `"attacked" in window || document.querySelector("img, iframe, marquee") !== null`) {
		t.Error("a string of the trace became part of the page")
	}
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#query"), "1"+kb.Enter), chromedp.WaitVisible(chromedp.CSS("#details")))
	details := text(t, ctx, "#details")
	for _, want := range []string{"0xfedcba9876543210", "0xffffffffffffffff", "9\u202f223\u202f372\u202f036\u202f854\u202f775\u202f807", "-9223372036854775808", "exclusive or 0x1"} {
		if !strings.Contains(details, want) {
			t.Errorf("the details do not say %s: %s", want, details)
		}
	}
}

// TestInsideInBrowser: the picture of a kernel's transitions is seen whole: each
// text is right of the columns, and inside the picture.
func TestInsideInBrowser(t *testing.T) {
	ctx := open(t, insidePage(t))
	const overlaps = `[...document.querySelectorAll("#finding-0 .transition")].filter((g) => {
		const box = g.querySelector("rect").getBoundingClientRect(), text = g.lastElementChild.getBoundingClientRect();
		const picture = g.closest("svg").getBoundingClientRect(), point = g.querySelector(".point").getBoundingClientRect();
		return box.width < 1 || text.left < box.right || text.right > picture.right || point.left < box.left || point.right > box.right;
	}).length`
	if n := evaluate[int](t, ctx, overlaps); n != 0 {
		t.Errorf("%d transitions overlap", n)
	}
	if n := evaluate[int](t, ctx, `document.querySelectorAll("#finding-0 .transition.wrong").length`); n != 1 {
		t.Errorf("%d transitions are marked", n)
	}
}
