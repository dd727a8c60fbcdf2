package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// mark is a sequence of bytes by which a format is known. A negative offset
// counts from the end of the device.
type mark struct {
	offset int64
	bytes  string
	what   string
}

// marks are the formats whose loss would hurt, at the places that the formats'
// descriptions and the kernel's headers give them.
var marks = []mark{
	{1080, "\x53\xef", "an ext2, ext3 or ext4 file system"},
	{0, "XFSB", "an xfs file system"},
	{64<<10 + 64, "_BHRfS_M", "a btrfs file system"},
	{4096 - 10, "SWAPSPACE2", "swap space"},
	{4096 - 10, "SWAP-SPACE", "swap space"},
	{16<<10 - 10, "SWAPSPACE2", "swap space"},
	{64<<10 - 10, "SWAPSPACE2", "swap space"},
	{54, "FAT12   ", "a FAT file system"},
	{54, "FAT16   ", "a FAT file system"},
	{82, "FAT32   ", "a FAT file system"},
	{3, "EXFAT   ", "an exFAT file system"},
	{3, "NTFS    ", "an NTFS file system"},
	{0, "LUKS\xba\xbe", "a LUKS volume"},
	{16 << 10, "SKUL\xba\xbe", "a LUKS volume"},
	{3, "-FVE-FS-", "a BitLocker volume"},
	{24, "LVM2 001", "an LVM physical volume"},
	{512 + 24, "LVM2 001", "an LVM physical volume"},
	{1024 + 24, "LVM2 001", "an LVM physical volume"},
	{1536 + 24, "LVM2 001", "an LVM physical volume"},
	{0, "\xfc\x4e\x2b\xa9", "a member of a RAID array"},    // MD 1.1
	{4096, "\xfc\x4e\x2b\xa9", "a member of a RAID array"}, // MD 1.2
	{32<<10 + 1, "CD001", "an ISO 9660 file system"},
	{32<<10 + 1, "BEA01", "a UDF file system"},
	{1024, "\xe2\xe1\xf5\xe0", "an erofs file system"},
	{1024, "\x10\x20\xf5\xf2", "an f2fs file system"},
	{0, "hsqs", "a squashfs file system"},
	{64<<10 + 52, "ReIsEr", "a reiserfs file system"},
	{32 << 10, "JFS1", "a JFS file system"},
	{1024, "H+\x00\x04", "an HFS+ file system"},
	{1024, "HX\x00\x05", "an HFS+ file system"},
	{32, "NXSB", "an APFS container"},
	{4096 + 24, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81", "a bcache or bcachefs device"},
	{512, "EFI PART", "a GPT partition table"},
	{4096, "EFI PART", "a GPT partition table"},
	{-512, "EFI PART", "a backup GPT partition table"},
	{-4096, "EFI PART", "a backup GPT partition table"},
	{0, "drbd", "a DRBD device"},
	{0, "CEPH", "a Ceph volume"},
	{0, "bluestore block device", "a Ceph volume"},
}

// signature says what a device of size bytes carries, or "" if nothing known.
func signature(device io.ReaderAt, size int64) (string, error) {
	for _, m := range marks {
		got, err := readAt(device, m.offset, len(m.bytes), size)
		if err != nil {
			return "", err
		}
		if string(got) == m.bytes {
			return m.what, nil
		}
	}
	for _, probe := range []func(io.ReaderAt, int64) (string, error){oldRaid, zfs, bootSector} {
		if found, err := probe(device, size); found != "" || err != nil {
			return found, err
		}
	}
	return "", nil
}

// readAt reads n bytes, or as many as the device has; nothing beyond its ends.
func readAt(device io.ReaderAt, offset int64, n int, size int64) ([]byte, error) {
	if offset < 0 {
		offset += size
	}
	if offset < 0 || offset >= size {
		return nil, nil
	}
	buf := make([]byte, n)
	got, err := device.ReadAt(buf, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %d bytes at %d: %w", n, offset, err)
	}
	return buf[:got], nil
}

// oldRaid finds the superblocks that MD keeps at the end of a device: 0.90 in
// the last whole 64 KiB but one, 1.0 at least 8 KiB before the end, both in
// the byte order of the machine that wrote them (drivers/md/md.c).
func oldRaid(device io.ReaderAt, size int64) (string, error) {
	for _, at := range []int64{size&^(64<<10-1) - 64<<10, (size/512 - 16) &^ 7 * 512} {
		if at < 0 {
			continue
		}
		got, err := readAt(device, at, 4, size)
		if err != nil {
			return "", err
		}
		if len(got) == 4 && (binary.LittleEndian.Uint32(got) == 0xa92b4efc || binary.BigEndian.Uint32(got) == 0xa92b4efc) {
			return "a member of a RAID array", nil
		}
	}
	return "", nil
}

// zfs finds an uberblock in the ring of them in a vdev's label, of which there
// are two in the first 512 KiB and two in the last.
func zfs(device io.ReaderAt, size int64) (string, error) {
	const label, ring, magic = 256 << 10, 128 << 10, 0x00bab10c
	end := size &^ (label - 1)
	for _, at := range []int64{0, label, end - 2*label, end - label} {
		if at < 0 {
			continue
		}
		got, err := readAt(device, at+ring, label-ring, size)
		if err != nil {
			return "", err
		}
		for ; len(got) >= 1024; got = got[1024:] {
			if binary.LittleEndian.Uint64(got) == magic || binary.BigEndian.Uint64(got) == magic {
				return "a member of a ZFS pool", nil
			}
		}
	}
	return "", nil
}

// bootSector finds a DOS partition table or a boot record: the mark at the end
// of the first sector.
func bootSector(device io.ReaderAt, size int64) (string, error) {
	got, err := readAt(device, 0, 512, size)
	if err != nil || len(got) < 512 || !bytes.HasSuffix(got, []byte("\x55\xaa")) {
		return "", err
	}
	return "a partition table or boot sector", nil
}
