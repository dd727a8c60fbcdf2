// Package config holds the configuration of guest kernels as small commented
// fragments, in the form of a kernel's .config.
package config

import "embed"

// Files are the fragments: base.config for every kernel, thread.config for
// those with our patches, and one for each variant that has more.
//
//go:embed *.config
var Files embed.FS
