package explore

// components finds the strongly connected components of a graph with vertices
// 0..n-1 that contain a cycle: more than one vertex, or one with an edge to
// itself. successors appends those of a vertex; it is asked once for each
// vertex that keep lets in. emit gets every such component, its vertices in no
// particular order, in a slice that is used again.
//
// Tarjan's algorithm ("Depth-first search and linear graph algorithms", 1972)
// with its stack on the heap, as paths may be millions of vertices long.
func components(n int, keep func(v uint32) bool, successors func(v uint32, out []uint32) []uint32, emit func(vertices []uint32)) {
	t := tarjan{index: make([]uint32, n), low: make([]uint32, n), successors: successors}
	for v := range uint32(n) {
		if t.index[v] == 0 && keep(v) {
			t.from(v, keep, emit)
		}
	}
}

const finished = 1<<32 - 1 // low of a vertex whose component is known

type tarjan struct {
	index      []uint32 // order of discovery from 1; 0 is unknown
	low        []uint32
	count      uint32
	stack      []uint32 // vertices whose component is not yet known
	frames     []frame
	edges      []uint32 // successors of the frames' vertices, one behind the other
	successors func(v uint32, out []uint32) []uint32
}

// frame is a vertex on the path of the search; its successors still to be
// looked at are edges[next:end].
type frame struct {
	vertex    uint32
	next, end int
	loop      bool // it has an edge to itself
}

func (t *tarjan) open(v uint32) {
	t.count++
	t.index[v], t.low[v] = t.count, t.count
	t.stack = append(t.stack, v)
	first := len(t.edges)
	t.edges = t.successors(v, t.edges)
	t.frames = append(t.frames, frame{v, first, len(t.edges), false})
}

func (t *tarjan) from(root uint32, keep func(uint32) bool, emit func([]uint32)) {
	t.open(root)
	for len(t.frames) > 0 {
		f := &t.frames[len(t.frames)-1]
		if f.next < f.end {
			w := t.edges[f.next]
			f.next++
			switch {
			case w == f.vertex:
				f.loop = true
			case t.index[w] == 0:
				if keep(w) {
					t.open(w)
				}
			case t.low[w] != finished:
				t.low[f.vertex] = min(t.low[f.vertex], t.index[w])
			}
			continue
		}
		t.close(emit)
	}
}

// close leaves the last frame's vertex, and with it its component if it is the
// one of them that was discovered first.
func (t *tarjan) close(emit func([]uint32)) {
	f := t.frames[len(t.frames)-1]
	t.frames = t.frames[:len(t.frames)-1]
	if len(t.frames) > 0 {
		up := &t.frames[len(t.frames)-1]
		t.low[up.vertex] = min(t.low[up.vertex], t.low[f.vertex])
		t.edges = t.edges[:up.end]
	} else {
		t.edges = t.edges[:0]
	}
	if t.low[f.vertex] != t.index[f.vertex] {
		return
	}
	first := len(t.stack) - 1
	for t.stack[first] != f.vertex {
		first--
	}
	for _, v := range t.stack[first:] {
		t.low[v] = finished
	}
	if len(t.stack)-first > 1 || f.loop {
		emit(t.stack[first:])
	}
	t.stack = t.stack[:first]
}
