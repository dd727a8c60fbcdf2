package reproducer

import (
	"bytes"
	"fmt"
	"strings"

	"aiocheck/model"
	"aiocheck/traces"
)

// id is the name of request i of a program: its ID in the run.
func id(p *traces.Program, i int) string { return fmt.Sprintf("r%d", int(p.First)+i) }

// writeConstants writes what the sizes of the file's tables are.
func (u *unit) writeConstants(b *bytes.Buffer) {
	direct := 0
	if u.about.Direct {
		direct = 1
	}
	late := 0
	if u.late {
		late = 1
	}
	fmt.Fprintf(b, "enum {\n\tATTEMPTS = %d,\n\tROUNDS = %d, THREADS = %d, FILES = %d, CONTEXTS = %d, PATHS = %d, SEGMENTS = %d,\n\tREQUESTS = %d, REQUESTS_USED = %d,\n",
		// Of arrays of one element gcc says that a subscript may be outside.
		DefaultAttempts, len(u.programs), max(2, u.threads), max(2, u.files), max(2, u.ctxs), max(2, u.paths), max(2, u.vectors), max(2, u.total), u.total)
	fmt.Fprintf(b, "\tDIRECT = %d,\t/* the storage is opened with O_DIRECT */\n\tLATE_EFFECTS = %d,\t/* requests may be under way when their round is over */\n\tFIRST_FREE = 512,\t/* descriptor */\n};\n\n", direct, late)
	fmt.Fprintf(b, "static const long long STORAGE_BYTES = %d;\n\n", u.storage)
}

// writeRequests writes the names of things, and the table of requests.
func (u *unit) writeRequests(b *bytes.Buffer) {
	u.writeFileNames(b)
	fmt.Fprintf(b, "enum {")
	for c := range u.ctxs {
		fmt.Fprintf(b, " c%d,", c)
	}
	fmt.Fprintf(b, " };\t/* contexts */\n\n")
	u.writeRequestNames(b)
	b.WriteString("static const struct request requests[REQUESTS] = {\n")
	for k, p := range u.programs {
		owner := owners(p)
		for i := range p.Requests {
			fmt.Fprintf(b, "\t[%s] = { %s },\n", id(p, i), u.request(k, i, owner[i]))
		}
	}
	if u.total == 0 {
		b.WriteString("\t{ .context = -1 },\n")
	}
	b.WriteString("};\n\n")
	b.WriteString(propertiesHere)
}

// writeFileNames gives the numbers of files their names. A number has a name
// for each kind that it has in some round.
func (u *unit) writeFileNames(b *bytes.Buffer) {
	b.WriteString("enum { storage = 0,")
	seen := map[string]bool{"storage": true}
	for _, p := range u.programs {
		for f := range p.Files {
			if name := file(p, f); !seen[name] {
				seen[name] = true
				fmt.Fprintf(b, " %s = %d,", name, f)
			}
		}
	}
	b.WriteString(" };\t/* files, by their numbers in a round */\n")
}

func file(p *traces.Program, f int) string {
	kind := [...]string{"storage", "pipe", "socket", "eventfd", "directory"}[p.Files[f].Kind]
	if f == 0 {
		return kind
	}
	return fmt.Sprintf("%s_%d", kind, f)
}

func (u *unit) writeRequestNames(b *bytes.Buffer) {
	if u.total == 0 {
		return
	}
	b.WriteString("enum {\t/* requests, by their numbers in the run */\n\t")
	column := 0
	for _, p := range u.programs {
		for i := range p.Requests {
			if column == 12 {
				b.WriteString("\n\t")
				column = 0
			} else if column > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(b, "%s,", id(p, i))
			column++
		}
	}
	b.WriteString("\n};\n\n")
}

// owners says by request to which context a step submits it; -1 for none.
func owners(p *traces.Program) []int {
	owner := make([]int, len(p.Requests))
	for i := range owner {
		owner[i] = -1
	}
	for _, steps := range p.Threads {
		for i := range steps {
			if s := &steps[i]; s.Do == traces.DoSubmit {
				for k := range int(s.Count) {
					owner[int(s.Request)+k] = int(s.Context)
				}
			}
		}
	}
	return owner
}

// request is the initializer of a request.
func (u *unit) request(k, i, owner int) string {
	p := u.programs[k]
	r := &p.Requests[i]
	opcode := r.Opcode.String()
	if _, err := model.ParseOpcode(opcode); err != nil {
		opcode = fmt.Sprint(uint8(r.Opcode)) // none that the kernel knows
	}
	parts := []string{fmt.Sprintf("%q", id(p, i)+" ("+r.Opcode.String()+")"), opcode, file(p, int(r.File))}
	set := func(field string, value int64) {
		if value != 0 {
			parts = append(parts, fmt.Sprintf(".%s = %d", field, value))
		}
	}
	if r.Eventfd != 0 {
		parts = append(parts, ".eventfd = "+file(p, int(r.Eventfd)-1))
	}
	if r.Opcode == model.Poll {
		parts = append(parts, fmt.Sprintf(".offset = %#x", r.Offset))
	} else {
		set("offset", r.Offset)
	}
	set("bytes", int64(r.Bytes))
	set("segments", int64(r.Segments))
	set("skew", int64(r.Skew))
	if owner >= 0 {
		parts = append(parts, fmt.Sprintf(".context = c%d", owner))
	} else {
		parts = append(parts, ".context = -1")
	}
	if r.Plain {
		parts = append(parts, ".plain = 1")
	}
	if r.Reuse != 0 {
		set("reuse", int64(u.first[k])+int64(r.Reuse))
	}
	set("path", int64(r.Name))
	set("new_path", int64(r.NewName))
	if r.Opcode.Names() {
		parts = append(parts, fmt.Sprintf(".flags = %#o", r.Flags), fmt.Sprintf(".mode = %#o", r.Mode))
		set("via", int64(r.Via))
	}
	return strings.Join(parts, ", ")
}

// writeRounds writes the table of rounds, after their threads.
func (u *unit) writeRounds(b *bytes.Buffer) {
	for k, p := range u.programs {
		if id := p.Identity; id != nil {
			fmt.Fprintf(b, "static const struct identity identity_%d = { .uid = %d, .umask = %#o, .cwd = %d, .root = %d, .descriptors = %d };\n\n",
				k, id.UID, id.Umask, id.Cwd, id.Root, id.Descriptors)
		}
	}
	b.WriteString("static const struct round rounds[ROUNDS] = {\n")
	for k, p := range u.programs {
		ending := [...]string{traces.EndDrain: "DRAIN", traces.EndDestroy: "DESTROY", traces.EndExit: "EXIT", traces.EndKill: "KILL"}[p.End]
		fmt.Fprintf(b, "\t{\n\t\t.name = \"round %d\", .first = %d, .end = %d, .ending = %s,\n", p.Round, u.first[k], u.first[k]+len(p.Requests), ending)
		fmt.Fprintf(b, "\t\t.threads_used = %d, .files_used = %d, .contexts_used = %d, .paths_used = %d,\n", len(p.Threads), len(p.Files), len(p.Contexts), len(p.Names))
		b.WriteString("\t\t.threads = {")
		for t := range p.Threads {
			fmt.Fprintf(b, " %s,", u.function(k, t))
		}
		b.WriteString(" },\n")
		if len(p.Processors) > 0 {
			b.WriteString("\t\t.processors = {")
			for _, n := range p.Processors[:min(len(p.Processors), len(p.Threads))] {
				fmt.Fprintf(b, " %d,", n)
			}
			b.WriteString(" },\n")
		}
		b.WriteString("\t\t.files = {\n")
		for f := range p.Files {
			d := &p.Files[f]
			fmt.Fprintf(b, "\t\t\t[%s] = { %s, .nonblock = %d", file(p, f), [...]string{"STORAGE", "PIPE", "SOCKET", "EVENTFD", "DIRECTORY"}[d.Kind], truth(d.Nonblock))
			if d.Kind == traces.Pipe {
				fmt.Fprintf(b, ", .pipe_size = %d", d.Bytes)
			}
			b.WriteString(" },\n")
		}
		b.WriteString("\t\t},\n")
		if len(p.Contexts) > 0 {
			b.WriteString("\t\t.slots = {")
			for c := range p.Contexts {
				fmt.Fprintf(b, " %d,", p.Contexts[c].Slots)
			}
			b.WriteString(" },\n")
		}
		if len(p.Names) > 0 {
			b.WriteString("\t\t.paths = {\n")
			for n := range p.Names {
				d := &p.Names[n]
				fmt.Fprintf(b, "\t\t\t{ %s, .kind = %d, .mode = %#o, .uid = %d },\n", file(p, int(d.Directory)), d.Kind, d.Mode, d.UID)
			}
			b.WriteString("\t\t},\n")
		}
		if p.Identity != nil {
			fmt.Fprintf(b, "\t\t.identity = &identity_%d,\n", k)
		}
		b.WriteString("\t},\n")
	}
	b.WriteString("};\n")
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// function is the name of a thread's function.
func (u *unit) function(k, t int) string {
	if len(u.programs) == 1 {
		return fmt.Sprintf("thread_%d", t)
	}
	return fmt.Sprintf("round_%d_thread_%d", u.programs[k].Round, t)
}
