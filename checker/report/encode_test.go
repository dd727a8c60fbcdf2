package report

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// decodeColumn is what data.js does, in Go.
func decodeColumn(encoded []byte, rows int) ([]int64, error) {
	values := make([]int64, rows)
	var value int64
	for i := range values {
		difference, n := binary.Varint(encoded)
		if n <= 0 {
			return nil, fmt.Errorf("no varint for row %d", i)
		}
		value += difference
		values[i], encoded = value, encoded[n:]
	}
	if len(encoded) != 0 {
		return nil, fmt.Errorf("%d bytes left over", len(encoded))
	}
	return values, nil
}

// decodeBlock undoes writeBlock.
func decodeBlock(text []byte) (directory, map[string]map[string][]int64, error) {
	var dir directory
	zip, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(text)))
	if err != nil {
		return dir, nil, err
	}
	block, err := io.ReadAll(zip)
	if err != nil {
		return dir, nil, err
	}
	length := binary.LittleEndian.Uint32(block)
	if err := json.Unmarshal(block[4:4+length], &dir); err != nil {
		return dir, nil, err
	}
	body := block[4+length:]
	tables := make(map[string]map[string][]int64)
	for name, place := range dir.Tables {
		tables[name] = make(map[string][]int64)
		for column, at := range place.Columns {
			if tables[name][column], err = decodeColumn(body[at.At:at.At+at.Bytes], place.Rows); err != nil {
				return dir, nil, fmt.Errorf("column %s of %s: %w", column, name, err)
			}
		}
	}
	return dir, tables, nil
}

func TestBlockRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(0, 20).Draw(t, "rows")
		want := map[string]*table{"a": {rows: rows}, "b": {rows: 1}}
		for _, column := range []string{"x", "y"} {
			values := rapid.SliceOfN(rapid.Int64(), rows, rows).Draw(t, column)
			want["a"].add(column, func(i int) int64 { return values[i] })
		}
		want["b"].add("z", func(int) int64 { return rapid.Int64().Draw(t, "z") })
		var text bytes.Buffer
		if err := writeBlock(&text, meta{}, want, []string{"a", "b"}); err != nil {
			t.Fatal(err)
		}
		_, got, err := decodeBlock(text.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for name, table := range want {
			for _, c := range table.columns {
				if !slices.Equal(got[name][c.name], c.values) {
					t.Fatalf("%s.%s: got %v, want %v", name, c.name, got[name][c.name], c.values)
				}
			}
		}
	})
}
