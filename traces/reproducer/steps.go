package reproducer

import (
	"bytes"
	"fmt"
	"strings"

	"aiocheck/model"
	"aiocheck/traces"
)

// writeThreads writes a function for each thread, a call for each step.
func (u *unit) writeThreads(b *bytes.Buffer) {
	for k, p := range u.programs {
		for t, steps := range p.Threads {
			fmt.Fprintf(b, "static void %s(void)\n{\n", u.function(k, t))
			for i := range steps {
				s := &steps[i]
				if s.After > 0 {
					fmt.Fprintf(b, "\twait_for(%d, %d);\n", s.Thread, s.After)
				}
				if s.Spin > 0 {
					fmt.Fprintf(b, "\tspin(%d);\n", s.Spin)
				}
				if t == 0 && i == len(steps)-1 && p.End == traces.EndKill {
					b.WriteString("\task_to_be_killed();\n")
				}
				fmt.Fprintf(b, "\tbegin(%d);\n", i+1)
				call, comment := calls[s.Do](p, s), says(p, s)
				if call == "" {
					continue
				}
				fmt.Fprintf(b, "\t%s;", call)
				if comment != "" {
					fmt.Fprintf(b, "\t/* %s */", comment)
				}
				b.WriteByte('\n')
			}
			b.WriteString("}\n\n")
		}
	}
}

// calls gives the C of each step; empty where beginning it is all.
var calls = map[traces.Do]func(p *traces.Program, s *traces.Step) string{
	traces.DoSubmit: func(p *traces.Program, s *traces.Step) string {
		first := "0"
		if s.Count > 0 {
			first = id(p, int(s.Request))
		}
		return fmt.Sprintf("submit(c%d, %s, %d)", s.Context, first, s.Count)
	},
	traces.DoCancel: func(p *traces.Program, s *traces.Step) string {
		return fmt.Sprintf("cancel(c%d, %s)", s.Context, id(p, int(s.Request)))
	},
	traces.DoGetEvents:  getEvents,
	traces.DoPGetEvents: getEvents,
	traces.DoReapRing: func(_ *traces.Program, s *traces.Step) string {
		return fmt.Sprintf("reap_ring(c%d, %d)", s.Context, s.Max)
	},
	traces.DoDestroy:     func(_ *traces.Program, s *traces.Step) string { return fmt.Sprintf("destroy(c%d)", s.Context) },
	traces.DoReadEventfd: func(p *traces.Program, s *traces.Step) string { return "read_eventfd(" + file(p, int(s.File)) + ")" },
	traces.DoRead:        func(p *traces.Program, s *traces.Step) string { return "transfer(" + id(p, int(s.Request)) + ")" },
	traces.DoWrite: func(p *traces.Program, s *traces.Step) string {
		if p.Files[s.File].Kind == traces.Eventfd {
			return "signal_eventfd(" + file(p, int(s.File)) + ")"
		}
		return "transfer(" + id(p, int(s.Request)) + ")"
	},
	traces.DoCloseRead:  func(p *traces.Program, s *traces.Step) string { return "close_end(" + file(p, int(s.File)) + ", 0)" },
	traces.DoCloseWrite: func(p *traces.Program, s *traces.Step) string { return "close_end(" + file(p, int(s.File)) + ", 1)" },
	traces.DoExit:       func(*traces.Program, *traces.Step) string { return "leave()" },
	traces.DoAwait:      func(*traces.Program, *traces.Step) string { return "" },
	traces.DoNamed:      func(p *traces.Program, s *traces.Step) string { return "operate(" + id(p, int(s.Request)) + ")" },
	traces.DoStat:       func(_ *traces.Program, s *traces.Step) string { return fmt.Sprintf("look_at(%d)", s.Name) },
	traces.DoReuse: func(p *traces.Program, s *traces.Step) string {
		return fmt.Sprintf("overwrite(%s, %d)", id(p, int(s.Request)), s.Name)
	},
	traces.DoChdir: func(p *traces.Program, s *traces.Step) string {
		return "change_directory(" + file(p, int(s.File)) + ")"
	},
	traces.DoFreeze: func(*traces.Program, *traces.Step) string { return "freeze()" },
	traces.DoThaw:   func(*traces.Program, *traces.Step) string { return "thaw()" },
}

func getEvents(_ *traces.Program, s *traces.Step) string {
	return fmt.Sprintf("get_events(c%d, %d, %d, %d, %d)", s.Context, s.Min, s.Max, s.Timeout.Nanoseconds(), truth(s.Do == traces.DoPGetEvents))
}

// says is a step in words, where its C does not say it all.
func says(p *traces.Program, s *traces.Step) string {
	switch s.Do {
	case traces.DoSubmit:
		const shown = 4
		var all []string
		for i := range int(s.Count) {
			if i == shown {
				all = append(all, "…")
				break
			}
			all = append(all, describe(p, &p.Requests[int(s.Request)+i]))
		}
		return strings.Join(all, "; ")
	case traces.DoRead, traces.DoNamed:
		return describe(p, &p.Requests[s.Request])
	case traces.DoWrite:
		if p.Files[s.File].Kind != traces.Eventfd {
			return describe(p, &p.Requests[s.Request])
		}
	case traces.DoGetEvents, traces.DoPGetEvents:
		text := fmt.Sprintf("%d to %d events, ", s.Min, s.Max)
		switch {
		case s.Timeout < 0:
			return text + "however long it takes"
		case s.Timeout == 0:
			return text + "now"
		}
		return text + "within " + s.Timeout.String()
	}
	return ""
}

// describe is a request in words.
func describe(p *traces.Program, r *traces.RequestDecl) string {
	text := operation(p, r)
	if r.Eventfd != 0 {
		text += ", signals " + file(p, int(r.Eventfd)-1)
	}
	return text
}

func operation(p *traces.Program, r *traces.RequestDecl) string {
	op, on := r.Opcode.String(), file(p, int(r.File))
	switch {
	case r.Opcode == model.RenameAt:
		return fmt.Sprintf("%s n%d to n%d", op, r.Name, r.NewName)
	case r.Opcode.Names():
		return fmt.Sprintf("%s n%d in %s", op, r.Name, on)
	case r.Opcode == model.Poll:
		return fmt.Sprintf("%s %s for %#x", op, on, r.Offset)
	case r.Opcode.Syncs():
		return op + " " + on
	case p.Files[r.File].Kind == traces.Storage || p.Files[r.File].Kind == traces.Directory:
		return fmt.Sprintf("%s %d bytes at %d of %s", op, r.Bytes, r.Offset, on)
	}
	return fmt.Sprintf("%s %d bytes, %s", op, r.Bytes, on)
}
