package qemu

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// probed is what a probe has found out, as it is kept in the user's cache.
type probed struct {
	Key   string `json:"key"` // of what the answer depends on
	Accel string `json:"accel"`
	Why   string `json:"why"`
}

// probeHolds bounds how long a mistake lasts: a probe that failed because the
// machine was busy.
const probeHolds = 24 * time.Hour

// probeKey changes when this machine boots (another kernel, another host
// below it) and when QEMU is replaced.
func probeKey(program, device string) string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	info, err := os.Stat(program)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s %s %d %d %s", strings.TrimSpace(string(boot)), program, info.Size(), info.ModTime().UnixNano(), device)
}

func probedFile() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "aiocheck", "accelerator.json"), err
}

// recall finds an answer that still holds. Whatever is wrong with it, a probe
// finds another.
func recall(key string) (probed, bool) {
	var p probed
	path, err := probedFile()
	if err != nil || key == "" {
		return p, false
	}
	info, err := os.Stat(path)
	if err != nil || time.Since(info.ModTime()) > probeHolds {
		return p, false
	}
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &p) != nil {
		return p, false
	}
	return p, p.Key == key && (p.Accel == "kvm" || p.Accel == "tcg")
}

// keep is for the next time. Where it cannot be kept the next time takes
// longer, and that is all.
func (p *probed) keep() {
	path, err := probedFile()
	if err != nil || p.Key == "" {
		return
	}
	text, err := json.Marshal(p)
	if err != nil || os.MkdirAll(filepath.Dir(path), 0o777) != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(path), "accelerator-*")
	if err != nil {
		return
	}
	_, err = f.Write(text)
	if f.Close() != nil || err != nil || os.Rename(f.Name(), path) != nil {
		os.Remove(f.Name())
	}
}
