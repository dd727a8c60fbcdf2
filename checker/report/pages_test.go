package report

import (
	"os"
	"path/filepath"
	"testing"

	"aiocheck/checker"
	"aiocheck/model"
	"aiocheck/traces"
)

// writePage writes a page to a file of its own and returns its path.
func writePage(t testing.TB, h *traces.History, j *checker.Judgement) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(file, h, j); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func holdsPage(t testing.TB) string {
	h := fakeHistory(1, 400, 4, 16)
	return writePage(t, h, fakeJudgement(h))
}

func violatedPage(t testing.TB) string {
	h := fakeHistory(2, 2000, 4, 16)
	return writePage(t, h, fakeJudgement(h, model.FreshReads, model.CancelAnswer))
}

func largePage(t testing.TB) string {
	h := fakeHistory(3, 100_000, 8, 32)
	return writePage(t, h, fakeJudgement(h))
}
