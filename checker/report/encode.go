package report

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// A table is a set of columns of equal length. The page reads a column only
// when something asks for it, so that a column costs nothing until then.
type table struct {
	rows    int
	columns []column
}

// A column holds one integer a row.
type column struct {
	name   string
	values []int64
}

// add makes a column of the table from a function of the row.
func (t *table) add(name string, value func(row int) int64) {
	values := make([]int64, t.rows)
	for i := range values {
		values[i] = value(i)
	}
	t.columns = append(t.columns, column{name, values})
}

// appendColumn appends the column's encoding: for each value the difference
// to the one before (modulo 2^64), zigzag coded, as a LEB128 varint. Rows
// next to each other are alike, so most differences take one byte, and gzip
// does the rest.
func appendColumn(dst []byte, values []int64) []byte {
	var before int64
	for _, v := range values {
		dst = binary.AppendVarint(dst, v-before)
		before = v
	}
	return dst
}

// columnPlace says where the page finds a column in the decompressed block.
type columnPlace struct {
	At    int `json:"at"`    // bytes from the end of the directory
	Bytes int `json:"bytes"` // length of the encoding
}

type tablePlace struct {
	Rows    int                    `json:"rows"`
	Columns map[string]columnPlace `json:"columns"`
}

// directory is the readable head of the data block.
type directory struct {
	Meta   meta                  `json:"meta"`
	Tables map[string]tablePlace `json:"tables"`
}

// writeBlock writes the data block of the page, in base64 of gzip of: the
// length of the directory (4 bytes, little-endian), the directory as JSON,
// and the columns. data.js reads it.
func writeBlock(w io.Writer, m meta, tables map[string]*table, names []string) error {
	dir := directory{Meta: m, Tables: make(map[string]tablePlace, len(tables))}
	var body []byte
	for _, name := range names {
		t := tables[name]
		place := tablePlace{Rows: t.rows, Columns: make(map[string]columnPlace, len(t.columns))}
		for _, c := range t.columns {
			at := len(body)
			body = appendColumn(body, c.values)
			place.Columns[c.name] = columnPlace{At: at, Bytes: len(body) - at}
		}
		dir.Tables[name] = place
	}
	head, err := json.Marshal(dir)
	if err != nil {
		return fmt.Errorf("encode the directory of the page: %w", err)
	}
	text := base64.NewEncoder(base64.StdEncoding, w)
	zip := gzip.NewWriter(text)
	var length [4]byte
	binary.LittleEndian.PutUint32(length[:], uint32(len(head)))
	for _, part := range [][]byte{length[:], head, body} {
		if _, err := io.Copy(zip, bytes.NewReader(part)); err != nil {
			return fmt.Errorf("write the data of the page: %w", err)
		}
	}
	if err := zip.Close(); err != nil {
		return fmt.Errorf("write the data of the page: %w", err)
	}
	if err := text.Close(); err != nil {
		return fmt.Errorf("write the data of the page: %w", err)
	}
	return nil
}
