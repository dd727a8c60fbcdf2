//go:build guest

package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aiocheck/kernel/patches"
)

const changeAIO = `From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001
From: Somebody <somebody@example.org>
Subject: [PATCH] aio: rename

---
 fs/aio.c   | 2 +-
 fs/new.c   | 1 +
 2 files changed, 2 insertions(+), 1 deletion(-)

diff --git a/fs/aio.c b/fs/aio.c
index 1234567..89abcde 100644
--- a/fs/aio.c
+++ b/fs/aio.c
@@ -1 +1 @@
-int aio;
+int threads;
diff --git a/fs/new.c b/fs/new.c
new file mode 100644
index 0000000..1234567
--- /dev/null
+++ b/fs/new.c
@@ -0,0 +1 @@
+int new;
-- 
2.39.2
`

// The patch program that is installed does what is expected of it: it changes
// a linked copy without changing the source, and its complaints are
// understood.
func TestRealPatch(t *testing.T) {
	ctx, dir := context.Background(), fakeSource(t)
	copied := filepath.Join(t.TempDir(), "copy")
	if err := linkTree(ctx, dir, copied); err != nil {
		t.Fatal(err)
	}
	p := patches.Patch{Name: "0001-aio-rename.patch", Text: []byte(changeAIO)}
	if err := applyPatch(ctx, copied, "6.1.5", p); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir: "int aio;\n", copied: "int threads;\n"} {
		if text, err := os.ReadFile(filepath.Join(path, "fs/aio.c")); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v, want %q", path, text, err, want)
		}
	}
	rejected := func(want string) {
		t.Helper()
		err := applyPatch(ctx, copied, "6.1.5", p)
		if !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), "0001-aio-rename.patch does not apply to Linux 6.1.5: "+want+"\n") {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	rejected("fs/aio.c has the change already; fs/new.c is there already")
	if err := os.Remove(filepath.Join(copied, "fs/new.c")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(copied, "fs/aio.c"), "int other;\n")
	rejected("fs/aio.c: hunk 1, at line 1, finds no place")
	for _, f := range []string{"fs/aio.c", "fs/new.c"} {
		if err := os.Remove(filepath.Join(copied, f)); err != nil {
			t.Fatal(err)
		}
	}
	rejected("there is no fs/aio.c")
}
