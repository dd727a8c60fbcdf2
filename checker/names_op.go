package checker

import (
	"fmt"

	"aiocheck/model"
	"aiocheck/traces"
)

// judgeOp judges what an operation says of itself, whatever the order.
func (r *nameRound) judgeOp(o *placedOp) {
	if o.request == 0 || o.Open {
		return
	}
	byRequest := r.h.Requests[o.request-1].Context != traces.None
	r.judgeRefusal(o)
	if o.Do != model.OpenName {
		return
	}
	r.judgeLimit(o)
	if o.Errno != 0 || o.found == traces.None {
		return
	}
	found := &r.h.Found[o.found]
	if found.Inode == (traces.Inode{}) {
		r.wrong(model.NamesInOrder, o, fmt.Sprintf("%s gave descriptor %d, which is not open", r.opText(o), found.FD), "an open descriptor in the table of the process that submitted the request")
		return
	}
	r.judgeAccess(o, found)
	r.judgeDevice(o, found)
	if byRequest {
		r.judgeFlags(o, found)
	}
	if o.Flags&model.OpenCreate != 0 {
		r.judgeMade(o, found)
	}
}

// wrong reports an operation that is wrong by itself.
func (r *nameRound) wrong(p model.Property, o *placedOp, summary, expected string) {
	r.violate(p, func() Finding {
		return r.finding(summary, expected, o.interval.to, r.step(o, 0))
	})
}

// judgeRefusal judges errors that depend on who asks. Directories of a round
// may be written to by everybody, so that nothing but an open is refused.
func (r *nameRound) judgeRefusal(o *placedOp) {
	if r.round.Identity.UID != 0 {
		r.put(model.CredCaptured, 1)
	}
	if o.Do != model.OpenName && (o.Errno == model.EACCES || o.Errno == model.EPERM) && o.at.directory != elsewhere {
		r.wrong(model.CredCaptured, o, fmt.Sprintf("%s was refused: %v", r.opText(o), model.Fail(o.Errno)),
			fmt.Sprintf("no refusal: user %d may write to the directory, as everybody may", r.round.Identity.UID))
	}
}

// judgeAccess judges an open that was not refused.
func (r *nameRound) judgeAccess(o *placedOp, found *traces.Found) {
	_, made := r.homes[keyOf(found.Inode)]
	if r.access(&found.Inode, o.Flags) == denied && made { // who makes a file may open it
		r.wrong(model.CredCaptured, o, fmt.Sprintf("%s opened %s, whose mode %04o and owner %d forbid it to user %d", r.opText(o), r.fileText(found.Inode),
			found.Inode.Mode&0o7777, found.Inode.UID, r.round.Identity.UID),
			"-EACCES: what counts are the credentials of the submitter (fs/namei.c, may_open)")
	}
}

// judgeLimit judges the number of a descriptor, and that there was none.
func (r *nameRound) judgeLimit(o *placedOp) {
	limit := r.round.Descriptors
	if limit == 0 {
		return
	}
	r.put(model.LimitsCaptured, 1)
	if o.Errno == 0 && o.found != traces.None {
		if fd := r.h.Found[o.found].FD; uint64(uint32(fd)) >= limit {
			r.wrong(model.LimitsCaptured, o, fmt.Sprintf("%s gave descriptor %d, with RLIMIT_NOFILE %d", r.opText(o), fd, limit),
				fmt.Sprintf("a descriptor below %d, or -EMFILE (fs/file.c, alloc_fd)", limit))
		}
		return
	}
	spare := int(r.round.Identity.Descriptors)
	if o.Errno != model.EMFILE {
		return
	}
	others := 0 // that may hold a descriptor
	for i := range r.ops {
		p := &r.ops[i]
		failed := !p.Open && p.Errno != 0 && p.interval.to < o.from // and holds none any more
		if p.Do == model.OpenName && p.request != o.request && p.from <= o.interval.to && !failed {
			others++
		}
	}
	if spare == 0 || others < spare {
		r.wrong(model.LimitsCaptured, o, fmt.Sprintf("%s found no free descriptor, although %d other opens are all that had begun", r.opText(o), others),
			fmt.Sprintf("a descriptor: RLIMIT_NOFILE %d leaves room for %d more than were open as the round began", limit, spare))
	}
}

// judgeDevice judges whether the file is on the file system of the round's
// directories at all.
func (r *nameRound) judgeDevice(o *placedOp, found *traces.Found) {
	if o.at.directory == elsewhere {
		return
	}
	known := false
	for k := r.lo; k < r.hi; k++ {
		if n := &r.h.Names[k]; n.Kind != traces.Absent {
			if n.Inode.Device == found.Inode.Device {
				return
			}
			known = true
		}
	}
	if known {
		r.wrong(model.FsCaptured, o, fmt.Sprintf("%s found %s, which is not on the file system of the directory", r.opText(o), r.fileText(found.Inode)),
			"the file of that name in the directory that the request says")
	}
}

// Flags of open(2) that fcntl(F_GETFL) does not show: O_CREAT, O_EXCL,
// O_NOCTTY, O_TRUNC, O_CLOEXEC.
const unshownFlags = 0o100 | 0o200 | 0o400 | 0o1000 | 0o2000000

// largeFile is O_LARGEFILE, which a 64-bit kernel adds to every open.
func largeFile(machine string) uint32 {
	if machine == "aarch64" || machine == "arm64" {
		return 0o400000
	}
	return 0o100000
}

// judgeFlags judges the flags of the descriptor.
func (r *nameRound) judgeFlags(o *placedOp, found *traces.Found) {
	r.put(model.ArgsCaptured, 1)
	large := largeFile(r.h.Header.Kernel.Machine)
	want := o.Flags&^unshownFlags | large
	if o.Flags&pathOnly != 0 || found.Flags&^unshownFlags == want {
		return
	}
	missing := ""
	if found.Flags&large == 0 {
		missing = " (O_LARGEFILE is missing)"
	}
	r.wrong(model.ArgsCaptured, o, fmt.Sprintf("the descriptor of %s has the flags %#o%s", r.opText(o), found.Flags&^unshownFlags, missing),
		fmt.Sprintf("%#o: the flags that were asked for, and O_LARGEFILE, as of every open by a 64-bit program (fs/open.c, do_sys_openat2)", want))
}

// judgeMade judges the owner and the mode of a file that an open has made, if
// it surely was this one.
func (r *nameRound) judgeMade(o *placedOp, found *traces.Found) {
	if r.round.Descriptors == 0 {
		return // the identity is not known
	}
	if _, old := r.homes[keyOf(found.Inode)]; old {
		return
	}
	for i := range r.ops {
		p := &r.ops[i]
		other := p.request != o.request && p.Do == model.OpenName && p.Flags&model.OpenCreate != 0
		if other && (p.Open || p.Errno == model.EINTR || p.Errno == 0 && (p.found == traces.None || keyOf(r.h.Found[p.found].Inode) == keyOf(found.Inode))) {
			return // or that one
		}
	}
	id := &r.round.Identity
	asked := uint16(r.h.Requests[o.request-1].Offset >> 32)
	r.put(model.FsCaptured, 1)
	if more := found.Inode.Mode & permissions &^ asked; more != 0 {
		r.wrong(model.ArgsCaptured, o, fmt.Sprintf("%s made %s with the mode %04o", r.opText(o), r.fileText(found.Inode), found.Inode.Mode&permissions),
			fmt.Sprintf("no permission beyond those that were asked for, %04o", asked&permissions))
	} else if want := asked &^ id.Umask & permissions; found.Inode.Mode&permissions != want {
		r.wrong(model.FsCaptured, o, fmt.Sprintf("%s made %s with the mode %04o", r.opText(o), r.fileText(found.Inode), found.Inode.Mode&permissions),
			fmt.Sprintf("mode %04o: that of the request, %04o, without the umask %04o (fs/namei.c, lookup_open)", want, asked&permissions, id.Umask))
	}
	if (id.UID != 0 || r.h.Header.Abilities.Identity) && found.Inode.UID != id.UID {
		r.wrong(model.CredCaptured, o, fmt.Sprintf("%s made %s, which belongs to user %d", r.opText(o), r.fileText(found.Inode), found.Inode.UID),
			fmt.Sprintf("a file of user %d, who submitted the request", id.UID))
	}
}
