package model

// KernelQuiet is judged where a kernel's console is at hand, which is so for
// guests only: it is not among Properties.
var KernelQuiet = Property{"kernel-quiet", "The kernel reports no fault of its own while programs run: no oops, warning, KASAN, lockdep or hung-task report.", Context}

// TransitionsAllowed is judged where the kernel tells of its own steps, which
// one with our patches does: it is not among Properties.
var TransitionsAllowed = Property{"transitions-allowed", "Each step inside the kernel is one that the model has in the state that the steps before it have left.", Context}
