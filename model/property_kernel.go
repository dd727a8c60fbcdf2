package model

// KernelQuiet is judged where a kernel's console is at hand, which is so for
// guests only: it is not among Properties.
var KernelQuiet = Property{"kernel-quiet", "The kernel reports no fault of its own while programs run: no oops, warning, KASAN, lockdep or hung-task report.", Context}
