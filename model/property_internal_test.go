package model

import "testing"

// Internal properties have names of their own, and are not among those that
// histories are judged by.
func TestInternalProperties(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range Properties() {
		seen[p.Name] = true
	}
	for _, p := range Internal() {
		if p.Name == "" || seen[p.Name] || p.Sentence == "" {
			t.Errorf("property %+v", p)
		}
		seen[p.Name] = true
	}
}
