package qemu

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"aiocheck/kernel"
)

// storage is the storage of a run in a guest.
type storage struct {
	*kernel.Storage
	mapper *mapper // that makes parts of it fail; nil if nothing does
}

// heal lets all of the storage work again, which reading it back needs.
func (s *storage) heal() error {
	if s.mapper == nil {
		return nil
	}
	return s.mapper.whole()
}

const (
	virtioDisk = "/dev/vda"
	mountPoint = "/mnt"
)

// place is where the storage of all runs of a guest comes to lie.
type place struct {
	path   string // of a device, or of a directory
	mapper *mapper
}

// openStorage returns a function that makes the storage of a run. Device and
// file system are set up by the first call, for the guest's whole life.
func openStorage() func(setup) (*storage, error) {
	var where *place
	return func(conf setup) (*storage, error) {
		if where == nil {
			var err error
			if where, err = findPlace(&conf); err != nil {
				return nil, err
			}
		}
		s := &storage{mapper: where.mapper}
		if err := s.heal(); err != nil {
			return nil, err
		}
		var err error
		s.Storage, err = kernel.OpenStorage(kernel.StorageOptions{Path: where.path, Bytes: conf.Bytes, Run: conf.Options.Run,
			Buffered: conf.Buffered, Destroy: true})
		if err != nil || where.mapper == nil {
			return s, err
		}
		extents, err := s.Extents()
		if err == nil {
			err = where.mapper.fail(conf.Device, conf.Bytes, extents)
		}
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		return s, nil
	}
}

func findPlace(conf *setup) (*place, error) {
	p := &place{path: onTmpfs}
	var err error
	if conf.FileSystem != onTmpfs {
		if p.path, p.mapper, err = makeDevice(conf); err != nil {
			return nil, fmt.Errorf("make the device %s: %w", conf.Device, err)
		}
	}
	if conf.FileSystem == bare {
		return p, nil
	}
	if err := unix.Mount(p.path, mountPoint, conf.FileSystem, 0, ""); err != nil {
		return nil, fmt.Errorf("mount %s: %w: the kernel needs it, built in or as a module", conf.FileSystem, err)
	}
	p.path = mountPoint
	return p, nil
}

// makeDevice makes the block device that a setup names, and says where it is.
func makeDevice(conf *setup) (string, *mapper, error) {
	disk, err := findDisk(conf)
	if err != nil {
		return "", nil, err
	}
	switch conf.Device {
	case onVirtio, onNullBlk:
		return disk, nil, nil
	case onLoop:
		path, err := makeLoop(disk)
		return path, nil, err
	}
	m, err := newMapper(disk)
	if err != nil {
		return "", nil, err
	}
	if conf.Device == onDMDelay {
		return m.path, nil, m.delay()
	}
	return m.path, m, nil
}

// findDisk is the disk that other devices are on.
func findDisk(conf *setup) (string, error) {
	if conf.InMemory {
		return makeNullBlk(conf.DiskBytes, conf.Filled)
	}
	return virtioDisk, await("disk "+virtioDisk+": the kernel needs virtio_blk, built in or as a module", func() bool {
		_, err := os.Stat(virtioDisk)
		return err == nil
	})
}
