package build

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Image is a kernel that was built.
type Image struct {
	Name     string    `json:"name"`     // plain, plain-unpatched, debug-6.12: see imageName
	Key      string    `json:"key"`      // of everything that went in
	Version  string    `json:"version"`  // of the source: 6.1.192
	Release  string    `json:"release"`  // what uname -r says in it
	Source   string    `json:"source"`   // the package, or how else it is known
	Patches  []string  `json:"patches"`  // names, in order; none if it is unpatched
	Compiler string    `json:"compiler"` // as it calls itself
	Built    time.Time `json:"built"`
	Seconds  float64   `json:"seconds"` // that make took, the last time if it was interrupted
	Lines    int       `json:"lines"`   // that make said
	Bytes    int64     `json:"bytes"`   // of the bzImage

	Dir string `json:"dir"` // where it is
}

// unpatchedSuffix ends the names of kernels without our patches.
const unpatchedSuffix = "-unpatched"

// imageName is what a kernel is called: its variant, its release unless that
// is the default one, and whether it is without our patches.
func imageName(variant, release string, unpatched bool) string {
	name := variant
	if release != DefaultRelease {
		name += "-" + release
	}
	if unpatched {
		name += unpatchedSuffix
	}
	return name
}

// buildCommand is what builds the kernel of a name.
func buildCommand(name string) string {
	name, unpatched := strings.CutSuffix(name, unpatchedSuffix)
	variant, release, other := strings.Cut(name, "-")
	command := "aiocheck kernel build " + variant
	if other {
		command += " --release " + release
	}
	if unpatched {
		command += " --unpatched"
	}
	return command
}

const manifestName = "image.json"

// BzImage is the path of the compressed image, which anything boots.
func (i Image) BzImage() string { return filepath.Join(i.Dir, "bzImage") }

// Vmlinux is the path of the ELF image, which QEMU enters directly (PVH), and
// which has the symbols.
func (i Image) Vmlinux() string { return filepath.Join(i.Dir, "vmlinux") }

// Config is the path of the whole .config.
func (i Image) Config() string { return filepath.Join(i.Dir, "config") }

// imageDir is where a kernel is, or comes to be.
func (c Cache) imageDir(i Image) string { return filepath.Join(c.images(), i.Name+"-"+i.Key) }

// ErrNotBuilt is the error of Find for a kernel that is not in the cache.
var ErrNotBuilt = errors.New("not built")

// List is every kernel in the cache, the newest first.
func (c Cache) List() ([]Image, error) {
	entries, err := os.ReadDir(c.images())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list kernels: %w", err)
	}
	var images []Image
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), partial) {
			continue
		}
		image, err := readImage(filepath.Join(c.images(), e.Name()))
		if err != nil {
			return nil, err
		}
		images = append(images, image)
	}
	slices.SortFunc(images, func(a, b Image) int { return b.Built.Compare(a.Built) })
	return images, nil
}

// Find is the newest kernel of a name: plain, debug-unpatched, plain-6.12, ...
func (c Cache) Find(name string) (Image, error) {
	images, err := c.List()
	if err != nil {
		return Image{}, err
	}
	for _, i := range images {
		if i.Name == name {
			return i, nil
		}
	}
	if variant, _, _ := strings.Cut(name, "-"); !slices.Contains(Names(), variant) {
		return Image{}, fmt.Errorf("kernel %s is %w: there are %s, and what aiocheck kernel list shows", name, ErrNotBuilt, strings.Join(Names(), ", "))
	}
	return Image{}, fmt.Errorf("kernel %s is %w: run %s", name, ErrNotBuilt, buildCommand(name))
}

func readImage(dir string) (Image, error) {
	path := filepath.Join(dir, manifestName)
	text, err := os.ReadFile(path)
	if err != nil {
		return Image{}, fmt.Errorf("read kernel's description: %w", err)
	}
	var i Image
	if err := json.Unmarshal(text, &i); err != nil {
		return Image{}, fmt.Errorf("read kernel's description: %s: %w", path, err)
	}
	i.Dir = dir // the cache may have been moved
	return i, nil
}

// store puts a kernel into the cache. It is there whole, or not at all.
func (c Cache) store(i Image, obj string) (Image, error) {
	i.Dir = c.imageDir(i)
	tmp := i.Dir + partial
	if err := errors.Join(os.RemoveAll(tmp), os.MkdirAll(tmp, 0o777)); err != nil {
		return i, fmt.Errorf("make directory for the kernel: %w", err)
	}
	for _, f := range []struct{ from, to string }{
		{"arch/x86/boot/bzImage", "bzImage"}, {"vmlinux", "vmlinux"}, {".config", "config"},
	} {
		if err := copyFile(filepath.Join(obj, f.from), filepath.Join(tmp, f.to)); err != nil {
			return i, errors.Join(noSpace(fmt.Errorf("store kernel: %w", err), tmp), os.RemoveAll(tmp))
		}
	}
	info, err := os.Stat(filepath.Join(tmp, "bzImage"))
	if err != nil {
		return i, fmt.Errorf("store kernel: %w", err)
	}
	i.Bytes = info.Size()
	text, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return i, fmt.Errorf("describe kernel: %w", err)
	}
	if err := os.WriteFile(filepath.Join(tmp, manifestName), append(text, '\n'), 0o666); err != nil {
		return i, errors.Join(noSpace(fmt.Errorf("describe kernel: %w", err), tmp), os.RemoveAll(tmp))
	}
	if err := os.Rename(tmp, i.Dir); err != nil {
		return i, fmt.Errorf("store kernel: %w", err)
	}
	return i, nil
}
