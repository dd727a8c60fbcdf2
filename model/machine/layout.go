package machine

import (
	"fmt"
	"math/bits"
)

// StateWords is the size of a packed state in words of 64 bits.
const StateWords = 4

// State is a packed state: fields at the places that the layout of its machine
// gives them. Unused bits are 0.
type State [StateWords]uint64

// field is the place of one number in a state. The zero field is absent: it
// reads 0 and drops what is stored, so that steps need not ask whether a
// scenario has the feature.
type field struct {
	mask  uint64
	word  uint8
	shift uint8
}

func (f field) get(s *State) uint64 { return s[f.word&(StateWords-1)] >> (f.shift & 63) & f.mask }

func (f field) set(s *State, v uint64) {
	p := &s[f.word&(StateWords-1)]
	*p = *p&^(f.mask<<(f.shift&63)) | (v&f.mask)<<(f.shift&63)
}

func (f field) is(s *State) bool { return f.get(s) != 0 }

// allocator hands out fields.
type allocator struct {
	bits func(n int) field // 0 bits are the absent field
}

// upTo is a field for the numbers 0 to most.
func (a allocator) upTo(most int) field { return a.bits(bits.Len(uint(most))) }

// only is a field of n bits if it is wanted, else the absent field.
func (a allocator) only(wanted bool, n int) field {
	if !wanted {
		return field{}
	}
	return a.bits(n)
}

// layout hands out places, each within one word.
type layout struct {
	used [StateWords]uint8
	err  error
}

// bits is a field of n bits; 0 bits are the absent field.
func (l *layout) bits(n int) field {
	if n == 0 {
		return field{}
	}
	for w := range l.used {
		if int(l.used[w])+n <= 64 {
			f := field{mask: 1<<n - 1, word: uint8(w), shift: l.used[w]}
			l.used[w] += uint8(n)
			return f
		}
	}
	if l.err == nil {
		l.err = fmt.Errorf("the scenario needs more than %d bits of state", StateWords*64)
	}
	return field{}
}

// upTo is a field for the numbers 0 to most.
func (l *layout) upTo(most int) field { return l.bits(bits.Len(uint(most))) }

// only is a field of n bits if it is wanted, else the absent field.
func (l *layout) only(wanted bool, n int) field {
	if !wanted {
		return field{}
	}
	return l.bits(n)
}

// chunk is a field that holds all the fields that place asks for, side by
// side, so that they can be moved as one. place is called twice.
func (l *layout) chunk(place func(allocator)) field {
	width := 0
	place(allocator{func(n int) field { width += n; return field{} }})
	all := l.bits(width)
	at := all.shift
	place(allocator{func(n int) field {
		f := field{mask: 1<<n - 1, word: all.word, shift: at}
		at += uint8(n)
		if n == 0 || all.mask == 0 {
			return field{}
		}
		return f
	}})
	return all
}

// words is how many words are used.
func (l *layout) words() int {
	n := 1
	for w, used := range l.used {
		if used > 0 {
			n = w + 1
		}
	}
	return n
}
