package build

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"aiocheck/kernel/patches"
)

// needSeries fails if there are no patches for a release; what says where it
// comes from.
func needSeries(release, what string) error {
	releases := patches.Releases()
	if slices.Contains(releases, release) {
		return nil
	}
	return sourceError(fmt.Sprintf("%s: there are patches for %s; name another source, or build it --unpatched", what, strings.Join(releases, " and ")))
}

// applyPatch changes the source of a version in dir. It wants every line of context to be
// as in the patch, for a patch that has found a place by guessing may have
// found a wrong one.
func applyPatch(ctx context.Context, dir, version string, p patches.Patch) error {
	out, err := output(ctx, dir, bytes.NewReader(p.Text), "patch",
		"--strip=1", "--forward", "--batch", "--fuzz=0", "--no-backup-if-mismatch", "--reject-file=-")
	if err == nil || ctx.Err() != nil {
		return err
	}
	if why := describeRejects(string(out)); why != "" {
		return sourceError(fmt.Sprintf("patch %s does not apply to Linux %s: %s\nour patches are for the distribution's source: build that one (no --source), port them, or build yours --unpatched", p.Name, version, why))
	}
	return fmt.Errorf("apply patch %s: %w", p.Name, err)
}

var (
	patchingLine = regexp.MustCompile(`^(?:patching|checking) (?:symbolic link|file) (.*?)(?: \(.*\))?$`)
	hunkLine     = regexp.MustCompile(`^Hunk #(\d+) (?:FAILED|ignored) at (\d+)`)
	createLine   = regexp.MustCompile(`^The next patch would create the file (\S+),$`)
	absentLine   = regexp.MustCompile(`^\|\+\+\+ (?:b/)?(\S+)`)
)

// describeRejects reads what patch has said: which hunks of which files found
// no place. It is empty if it has said nothing of the kind.
func describeRejects(said string) string {
	var file, missing string
	var failed []string
	for _, line := range strings.Split(said, "\n") {
		switch {
		case patchingLine.MatchString(line):
			file, missing = strings.Trim(patchingLine.FindStringSubmatch(line)[1], "'"), ""
		case absentLine.MatchString(line):
			missing = absentLine.FindStringSubmatch(line)[1]
		case strings.HasPrefix(line, "Reversed (or previously applied) patch detected"):
			failed = append(failed, file+" has the change already")
		case createLine.MatchString(line):
			failed = append(failed, createLine.FindStringSubmatch(line)[1]+" is there already")
		case strings.HasPrefix(line, "No file to patch."):
			failed = append(failed, "there is no "+missing)
		case hunkLine.MatchString(line):
			m := hunkLine.FindStringSubmatch(line)
			if missing == "" {
				failed = append(failed, fmt.Sprintf("%s: hunk %s, at line %s, finds no place", file, m[1], m[2]))
			}
		}
	}
	return strings.Join(failed, "; ")
}
