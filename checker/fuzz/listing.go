package fuzz

import (
	"fmt"
	"io"
	"strings"

	"aiocheck/model"
	"aiocheck/traces"
)

// List writes a program for a reader: its tables, then the steps of each
// thread. Numbers of requests are positions in the program, from 0.
func List(w io.Writer, p *traces.Program) error {
	var b strings.Builder
	for i, c := range p.Contexts {
		fmt.Fprintf(&b, "context %d: io_setup(%d)\n", i, c.Slots)
	}
	for i, f := range p.Files {
		fmt.Fprintf(&b, "file %d: %v", i, f.Kind)
		if f.Nonblock {
			b.WriteString(", nonblocking")
		}
		b.WriteByte('\n')
	}
	for i, n := range p.Names {
		fmt.Fprintf(&b, "name %d: %v in file %d", i, n.Kind, n.Directory)
		if n.Kind != traces.Absent {
			fmt.Fprintf(&b, ", mode %#o, owner %d", n.Mode, n.UID)
		}
		b.WriteByte('\n')
	}
	if id := p.Identity; id != nil {
		fmt.Fprintf(&b, "identity: user %d, umask %#o", id.UID, id.Umask)
		if id.Cwd != 0 {
			fmt.Fprintf(&b, ", working directory file %d", id.Cwd-1)
		}
		if id.Root != 0 {
			fmt.Fprintf(&b, ", root directory file %d", id.Root-1)
		}
		if id.Descriptors != 0 {
			fmt.Fprintf(&b, ", %d descriptors more", id.Descriptors)
		}
		b.WriteByte('\n')
	}
	for t, steps := range p.Threads {
		fmt.Fprintf(&b, "\nthread %d", t)
		if t < len(p.Processors) && p.Processors[t] != 0 {
			fmt.Fprintf(&b, ", on processor %d", p.Processors[t]-1)
		}
		b.WriteString(":\n")
		for i := range steps {
			fmt.Fprintf(&b, "  %2d  %s\n", i, stepText(p, &steps[i]))
		}
	}
	fmt.Fprintf(&b, "\nends by: %v\n", p.End)
	_, err := io.WriteString(w, b.String())
	return err
}

func stepText(p *traces.Program, s *traces.Step) string {
	text := ""
	switch s.Do {
	case traces.DoSubmit:
		var list []string
		for i := range s.Count {
			id := s.Request + i
			list = append(list, fmt.Sprintf("%d: %s", id, requestText(&p.Requests[id])))
		}
		text = fmt.Sprintf("io_submit(context %d): %s", s.Context, strings.Join(list, "; "))
	case traces.DoCancel:
		text = fmt.Sprintf("io_cancel(context %d, request %d)", s.Context, s.Request)
	case traces.DoGetEvents, traces.DoPGetEvents:
		name := "io_getevents"
		if s.Do == traces.DoPGetEvents {
			name = "io_pgetevents"
		}
		limit := "no timeout"
		if s.Timeout >= 0 {
			limit = "timeout " + s.Timeout.String()
		}
		text = fmt.Sprintf("%s(context %d, at least %d, at most %d, %s)", name, s.Context, s.Min, s.Max, limit)
	case traces.DoReapRing:
		text = fmt.Sprintf("take up to %d events from the ring of context %d", s.Max, s.Context)
	case traces.DoDestroy:
		text = fmt.Sprintf("io_destroy(context %d)", s.Context)
	case traces.DoReadEventfd:
		text = fmt.Sprintf("read(file %d)", s.File)
	case traces.DoRead:
		text = fmt.Sprintf("read, request %d: %s", s.Request, requestText(&p.Requests[s.Request]))
	case traces.DoWrite:
		if text = fmt.Sprintf("write(file %d), 1", s.File); p.Files[s.File].Kind != traces.Eventfd {
			text = fmt.Sprintf("write, request %d: %s", s.Request, requestText(&p.Requests[s.Request]))
		}
	case traces.DoCloseRead:
		text = fmt.Sprintf("close the reading end of file %d", s.File)
	case traces.DoCloseWrite:
		text = fmt.Sprintf("close the writing end of file %d", s.File)
	case traces.DoExit:
		text = "exit_group"
	case traces.DoAwait:
		text = "nothing"
	case traces.DoNamed:
		text = fmt.Sprintf("call, request %d: %s", s.Request, requestText(&p.Requests[s.Request]))
	case traces.DoStat:
		text = fmt.Sprintf("statx(name %d)", s.Name)
	case traces.DoReuse:
		text = fmt.Sprintf("overwrite what request %d names with name %d", s.Request, s.Name)
	case traces.DoChdir:
		text = fmt.Sprintf("chdir(file %d)", s.File)
	case traces.DoFreeze:
		text = "ioctl(FIFREEZE)"
	case traces.DoThaw:
		text = "ioctl(FITHAW)"
	}
	if s.After > 0 {
		text += fmt.Sprintf(", once thread %d has begun step %d", s.Thread, s.After-1)
	}
	if s.Spin > 0 {
		text += fmt.Sprintf(", after %d turns of an empty loop", s.Spin)
	}
	return text
}

func requestText(r *traces.RequestDecl) string {
	text := r.Opcode.String()
	switch op := r.Opcode; {
	case op.Names():
		text += fmt.Sprintf(" name %d", r.Name)
		if op == model.RenameAt {
			text += fmt.Sprintf(" to name %d", r.NewName)
		}
		if r.Flags != 0 {
			text += fmt.Sprintf(", flags %#o", r.Flags)
		}
		if r.Mode != 0 {
			text += fmt.Sprintf(", mode %#o", r.Mode)
		}
		text += fmt.Sprintf(", by %v", r.Via)
	case op == model.Poll:
		text += fmt.Sprintf(" file %d, mask %#x", r.File, r.Offset)
	default:
		text += fmt.Sprintf(" file %d", r.File)
		if r.Bytes != 0 {
			text += fmt.Sprintf(", %d bytes at %d", r.Bytes, r.Offset)
		}
		if r.Segments > 1 {
			text += fmt.Sprintf(" in %d pieces", r.Segments)
		}
	}
	if r.Eventfd != 0 {
		text += fmt.Sprintf(", signals file %d", r.Eventfd-1)
	}
	if r.Reuse != 0 {
		text += fmt.Sprintf(", in the iocb of request %d", r.Reuse-1)
	}
	return text
}
