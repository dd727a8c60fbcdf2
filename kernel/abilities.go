package kernel

import (
	"os"

	"aiocheck/traces"
)

// Abilities is what programs may ask of the host beyond what every target
// does.
func (h *Host) Abilities() traces.Abilities { return h.abilities }

// findAbilities tries what the host can do. Names and identities are for root;
// a file system is only frozen if Options.Freeze says that it is the target's
// own.
func (h *Host) findAbilities() error {
	var err error
	if h.abilities.Threaded, err = threaded(); err != nil {
		return err
	}
	h.namesIn = namesPlace(h.storage)
	if os.Geteuid() == 0 && h.namesIn != "" {
		h.abilities.Names = true
		h.abilities.Identity = tryIdentity(h.namesIn) == nil
	}
	h.abilities.Freeze = h.opts.Freeze && h.storage.Device.Kind == storageFile && tryFreeze(h.storage) == nil
	return nil
}
