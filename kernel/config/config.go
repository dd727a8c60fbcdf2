// Package config holds the configuration of guest kernels as small commented
// fragments, in the form of a kernel's .config.
package config

import "embed"

// Files are the fragments: base.config for every kernel, thread.config for
// those with our patches, and one for each variant that has more. One with a
// release in its name, base-6.1.config, goes with the one without for sources
// of that release only.
//
//go:embed *.config
var Files embed.FS
