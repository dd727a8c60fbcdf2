package patches

import (
	"bytes"
	"regexp"
)

// Defect is a mistake that a kernel with our series makes on demand:
// aio_thread.defects=NAME.
type Defect struct {
	Name     string // as the parameter knows it: D1, T4, M3
	Sentence string // what the kernel then does, without a full stop
}

// A row of the list in the message of the patch that adds defects.
var defectRow = regexp.MustCompile(`(?m)^([DTM][0-9]+)\t(.+)$`)

// Defects are those of the series for a release, as the messages of its
// patches list them.
func Defects(release string) ([]Defect, error) {
	series, err := Series(release)
	if err != nil {
		return nil, err
	}
	var defects []Defect
	for _, p := range series {
		message, _, _ := bytes.Cut(p.Text, []byte("\n---\n"))
		for _, m := range defectRow.FindAllSubmatch(message, -1) {
			defects = append(defects, Defect{string(m[1]), string(m[2])})
		}
	}
	return defects, nil
}
