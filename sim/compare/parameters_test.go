package compare

import (
	"reflect"
	"testing"

	"aiocheck/model/design"
)

// Parameters leaves out no part of a design: whatever is changed shows.
func TestParametersAreAll(t *testing.T) {
	base := design.Thread61()
	before := Parameters(&base)
	vary(t, reflect.ValueOf(&base).Elem(), "", func(name string) {
		after := Parameters(&base)
		if len(before) != len(after) {
			t.Fatalf("%d parameters, then %d", len(before), len(after))
		}
		for i := range before {
			if before[i] != after[i] {
				return
			}
		}
		t.Errorf("a change of Design%s is not among the parameters", name)
	})
}

// vary gives each field of a design another value, one after the other.
func vary(t *testing.T, v reflect.Value, name string, look func(name string)) {
	t.Helper()
	for i := range v.NumField() {
		f, field := v.Field(i), name+"."+v.Type().Field(i).Name
		old := reflect.ValueOf(f.Interface())
		switch f.Kind() {
		case reflect.Struct:
			vary(t, f, field, look)
			continue
		case reflect.String, reflect.Slice:
			continue // its name, title and sources
		case reflect.Bool:
			f.SetBool(!f.Bool())
		case reflect.Uint64: // bugs
			f.SetUint(f.Uint() ^ 1)
		case reflect.Uint16: // sets of opcodes, answers
			f.SetUint(f.Uint() ^ 2)
		default:
			f.SetUint(f.Uint() ^ 1)
		}
		look(field)
		f.Set(old)
	}
}
