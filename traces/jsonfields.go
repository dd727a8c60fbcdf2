package traces

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"aiocheck/model"
)

// slot is a place in a Record that a JSON field can show.
type slot uint8

const (
	slotCode slot = iota
	slotContext
	slotRequest
	slotFile
	slotEventfd
	slotA
	slotB
	slotC
	slotD
	slotALow  // low half of A
	slotAHigh // high half of A
	slotBLow
	slotBHigh
	slotDLow
	slotDHigh
	slotBFirst  // bits 0 to 15 of B
	slotBSecond // bits 16 to 31 of B
	slotCLow
	slotCHigh
)

// places says which bits of which word of a record slotA and those after it are.
var places = [...]struct{ word, shift, bits uint8 }{
	slotA: {0, 0, 64}, slotB: {1, 0, 64}, slotC: {2, 0, 64}, slotD: {3, 0, 64},
	slotALow: {0, 0, 32}, slotAHigh: {0, 32, 32}, slotBLow: {1, 0, 32}, slotBHigh: {1, 32, 32}, slotDLow: {3, 0, 32}, slotDHigh: {3, 32, 32},
	slotBFirst: {1, 0, 16}, slotBSecond: {1, 16, 16}, slotCLow: {2, 0, 32}, slotCHigh: {2, 32, 32},
}

// form is how a slot's value is shown.
type form uint8

const (
	formUint    form = iota
	formInt          // signed
	formTime         // signed, or "never"
	formResult       // signed, or "-EINVAL" and the like
	formHex          // "0x…": programs that read JSON numbers as floats would change it
	formContext      // or "none"
	formPlusOne      // the number is one less; left out if there is none
	formName         // one of names, or the number
	formOctal        // "0…", as permissions are written
)

// field shows one slot of a record.
type field struct {
	name  string
	slot  slot
	form  form
	names []string // of formName, by value
}

// spare are the fields of the slots that a kind of record does not use. They
// are shown only if they are not 0, so that nothing is lost on the way to JSON.
var spare = []field{
	{"code", slotCode, formUint, nil}, {"context", slotContext, formContext, nil}, {"request", slotRequest, formUint, nil},
	{"file", slotFile, formUint, nil}, {"eventfd", slotEventfd, formPlusOne, nil},
	{"a", slotA, formHex, nil}, {"b", slotB, formHex, nil}, {"c", slotC, formHex, nil}, {"d", slotD, formHex, nil},
}

// names lists what String gives for the values from 0 below n, leaving out
// those that ok refuses.
func names[T ~uint8](n int, text func(T) string, ok func(T) bool) []string {
	list := make([]string, n)
	for i := range list {
		if ok == nil || ok(T(i)) {
			list[i] = text(T(i))
		}
	}
	return list
}

var (
	endNames     = names(4, End.String, nil)
	fileNames    = names(int(fileKindEnd), FileKind.String, nil)
	nameNames    = names(int(nameKindEnd), NameKind.String, nil)
	viaNames     = names(int(viaEnd), Via.String, nil)
	classNames   = names(int(dataEnd), DataClass.String, nil)
	releaseNames = names(3, Release.String, nil)
	pointList    = names(int(NumPoints), Point.String, nil)
	moveEndNames = names(int(moveEndEnd), MoveEnd.String, nil)
	callList     = names(int(callEnd), CallKind.String, func(k CallKind) bool { return k != 0 })
	opcodeNames  = names(256, model.Opcode.String, func(o model.Opcode) bool {
		_, err := model.ParseOpcode(o.String())
		return err == nil
	})
)

// kindFields says what the slots of each kind of record mean, as the functions
// in record.go do. An invoke record goes on with callFields, a request record
// with requestFields or namedFields.
var kindFields = [kindEnd][]field{
	KindRound:   {{"end", slotCode, formName, endNames}, {"at", slotA, formTime, nil}, {"round", slotB, formUint, nil}},
	KindFile:    {{"file", slotFile, formUint, nil}, {"type", slotCode, formName, fileNames}, {"flags", slotA, formUint, nil}, {"bytes", slotB, formUint, nil}},
	KindContext: {{"context", slotContext, formContext, nil}, {"slots", slotA, formUint, nil}},
	KindRequest: {{"request", slotRequest, formUint, nil}, {"op", slotCode, formName, opcodeNames}, {"context", slotContext, formContext, nil},
		{"file", slotFile, formUint, nil}, {"eventfd", slotEventfd, formPlusOne, nil}},
	KindInvoke: {{"call", slotCode, formName, callList}, {"at", slotA, formTime, nil}},
	KindReturn: {{"at", slotA, formTime, nil}, {"ret", slotB, formResult, nil}},
	KindEvent:  {{"data", slotA, formHex, nil}, {"obj", slotB, formHex, nil}, {"res", slotC, formResult, nil}, {"res2", slotD, formResult, nil}},
	KindData: {{"request", slotRequest, formUint, nil}, {"class", slotCode, formName, classNames}, {"offset", slotA, formInt, nil},
		{"bytes", slotB, formUint, nil}, {"writer", slotC, formUint, nil}, {"claimed", slotD, formInt, nil}},
	KindDamage: {{"request", slotRequest, formUint, nil}, {"after", slotCode, formName, releaseNames}, {"poisoned", slotA, formTime, nil},
		{"seen", slotB, formTime, nil}, {"first", slotC, formUint, nil}, {"bytes", slotD, formUint, nil}},
	KindExit:    {{"end", slotCode, formName, endNames}, {"begun", slotA, formTime, nil}, {"gone", slotB, formTime, nil}},
	KindWatched: {{"buffers", slotA, formUint, nil}, {"bytes", slotB, formUint, nil}},
	KindName: slices.Concat([]field{{"name", slotContext, formUint, nil}, {"directory", slotFile, formUint, nil}, {"type", slotCode, formName, nameNames}},
		inodeFields),
	KindIdentity: {{"uid", slotALow, formUint, nil}, {"umask", slotAHigh, formOctal, nil}, {"cwd", slotBFirst, formPlusOne, nil},
		{"root", slotBSecond, formPlusOne, nil}, {"descriptors", slotBHigh, formUint, nil}, {"limit", slotC, formUint, nil}},
	KindFound: slices.Concat([]field{{"request", slotRequest, formUint, nil}}, inodeFields, openFields),
	KindTransition: {{"point", slotCode, formName, pointList}, {"number", slotA, formUint, nil}, {"at", slotB, formTime, nil},
		{"context", slotContext, formUint, nil}, {"request", slotRequest, formUint, nil}, {"task", slotCLow, formUint, nil}, {"other", slotCHigh, formUint, nil},
		{"seen", slotEventfd, formUint, nil}, {"value", slotD, formInt, nil}, {"processor", slotFile, formUint, nil}},
	KindMove: {{"move", slotRequest, formUint, nil}, {"end", slotCode, formName, moveEndNames}, {"at", slotA, formTime, nil}, {"awaited", slotContext, formUint, nil},
		{"first", slotB, formUint, nil}, {"next", slotC, formUint, nil}},
}

var (
	inodeFields = []field{{"inode", slotA, formUint, nil}, {"device", slotBLow, formHex, nil}, {"mode", slotBHigh, formOctal, nil}, {"uid", slotC, formUint, nil}}
	openFields  = []field{{"fd", slotDLow, formUint, nil}, {"open_flags", slotDHigh, formHex, nil}}
	endFields   = []field{{"data", slotC, formHex, nil}, {"obj", slotD, formHex, nil}}
	// requestFields are those of a request; namedFields of one on names.
	requestFields = slices.Concat([]field{{"offset", slotA, formInt, nil}, {"bytes", slotBLow, formUint, nil}, {"rw_flags", slotBHigh, formUint, nil}}, endFields)
	namedFields   = slices.Concat([]field{{"flags", slotALow, formHex, nil}, {"mode", slotAHigh, formOctal, nil}, {"name", slotBFirst, formUint, nil},
		{"new_name", slotBSecond, formUint, nil}, {"via", slotBHigh, formName, viaNames}}, endFields)
)

var (
	onContext = field{"context", slotContext, formContext, nil}
	onFile    = field{"file", slotFile, formUint, nil}
	waiting   = []field{onContext, {"min_nr", slotB, formInt, nil}, {"nr", slotC, formInt, nil}, {"timeout", slotD, formInt, nil}}
	naming    = []field{onFile, {"request", slotRequest, formUint, nil}}
	moving    = []field{onFile, {"request", slotRequest, formUint, nil}, {"bytes", slotB, formInt, nil}, {"offset", slotC, formInt, nil}}
)

// callFields says what the slots of a call's invoke record mean.
var callFields = [callEnd][]field{
	CallSetup:       {onContext, {"nr_events", slotB, formInt, nil}},
	CallSubmit:      {onContext, {"nr", slotB, formInt, nil}},
	CallCancel:      {onContext, {"request", slotRequest, formUint, nil}},
	CallGetEvents:   waiting,
	CallPGetEvents:  waiting,
	CallReapRing:    {onContext, {"min_nr", slotB, formInt, nil}, {"nr", slotC, formInt, nil}},
	CallDestroy:     {onContext},
	CallReadEventfd: {onFile},
	CallRead:        moving,
	CallWrite:       moving,
	CallClose:       {onFile, {"end", slotB, formName, []string{"read", "write"}}},
	CallOpenAt:      naming,
	CallUnlinkAt:    naming,
	CallRenameAt:    naming,
	CallStat:        {onFile, {"name", slotB, formInt, nil}},
	CallReuse:       {onFile, {"request", slotRequest, formUint, nil}, {"name", slotB, formInt, nil}},
	CallChdir:       {onFile},
	CallFreeze:      {onFile},
	CallThaw:        {onFile},
}

// returnFields says what the further results of a call mean.
var returnFields = [callEnd][]field{
	CallSetup:       {{"aio_context", slotC, formHex, nil}, {"ring", slotDLow, formUint, nil}, {"compat", slotDHigh, formUint, nil}},
	CallReapRing:    {{"head", slotC, formUint, nil}, {"tail", slotD, formUint, nil}},
	CallReadEventfd: {{"value", slotC, formUint, nil}},
}

// word is A, B, C or D.
func (r *Record) word(n uint8) *uint64 { return [...]*uint64{&r.A, &r.B, &r.C, &r.D}[n] }

func (r *Record) get(s slot) uint64 {
	switch s {
	case slotCode:
		return uint64(r.Code)
	case slotContext:
		return uint64(r.Context)
	case slotRequest:
		return uint64(r.Request)
	case slotFile:
		return uint64(r.File)
	case slotEventfd:
		return uint64(r.Eventfd)
	default:
		p := places[s]
		return *r.word(p.word) >> p.shift & (math.MaxUint64 >> (64 - p.bits))
	}
}

// set puts v into the slot and reports whether it fits.
func (r *Record) set(s slot, v uint64) bool {
	bits := [...]uint8{slotCode: 8, slotContext: 32, slotRequest: 32, slotFile: 16, slotEventfd: 16}
	switch {
	case s < slotA && v>>bits[s] != 0:
		return false
	case s >= slotA && places[s].bits < 64 && v>>places[s].bits != 0:
		return false
	}
	switch s {
	case slotCode:
		r.Code = uint8(v)
	case slotContext:
		r.Context = uint32(v)
	case slotRequest:
		r.Request = RequestID(v)
	case slotFile:
		r.File = uint16(v)
	case slotEventfd:
		r.Eventfd = uint16(v)
	default:
		p, word := places[s], r.word(places[s].word)
		*word = *word&^(math.MaxUint64>>(64-p.bits)<<p.shift) | v<<p.shift
	}
	return true
}

// append adds the field's value in a record as JSON.
func (f *field) append(b []byte, v uint64) []byte {
	quoted := func(s string) []byte { return append(append(append(b, '"'), s...), '"') }
	switch {
	case f.form == formName && v < uint64(len(f.names)) && f.names[v] != "":
		return quoted(f.names[v])
	case f.form == formTime && Time(v) == Never:
		return quoted("never")
	case f.form == formContext && v == NoContext:
		return quoted("none")
	case f.form == formResult && model.Result(v).Errno() != 0:
		return quoted(model.Result(v).String())
	case f.form == formInt || f.form == formTime || f.form == formResult:
		return strconv.AppendInt(b, int64(v), 10)
	case f.form == formOctal:
		return append(strconv.AppendUint(append(b, `"0`...), v, 8), '"')
	case f.form == formHex:
		return append(strconv.AppendUint(append(b, `"0x`...), v, 16), '"')
	case f.form == formPlusOne:
		return strconv.AppendUint(b, v-1, 10)
	default:
		return strconv.AppendUint(b, v, 10)
	}
}

// errnoResults is the inverse of Result.String for errors.
var errnoResults = func() map[string]model.Result {
	m := map[string]model.Result{}
	for e := model.Errno(1); model.Fail(e).Errno() == e; e++ {
		m[model.Fail(e).String()] = model.Fail(e)
	}
	return m
}()

// parse is the inverse of append.
func (f *field) parse(text string) (uint64, error) {
	word, quoted := text, false
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' {
		word, quoted = text[1:n-1], true
	}
	bad := fmt.Errorf("%s is %s", f.name, text)
	if !quoted {
		return f.parseNumber(word, bad)
	}
	switch {
	case f.form == formName:
		for i, name := range f.names {
			if name != "" && name == word {
				return uint64(i), nil
			}
		}
	case f.form == formTime && word == "never":
		return uint64(Never), nil
	case f.form == formContext && word == "none":
		return NoContext, nil
	case f.form == formResult:
		if res, ok := errnoResults[word]; ok {
			return uint64(res), nil
		}
	case f.form == formOctal && word != "":
		if v, err := strconv.ParseUint(word, 8, 64); err == nil {
			return v, nil
		}
	case f.form == formHex && len(word) > 2 && word[:2] == "0x":
		if v, err := strconv.ParseUint(word[2:], 16, 64); err == nil {
			return v, nil
		}
	}
	return 0, bad
}

func (f *field) parseNumber(word string, bad error) (uint64, error) {
	if f.form == formInt || f.form == formTime || f.form == formResult {
		v, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return 0, bad
		}
		return uint64(v), nil
	}
	v, err := strconv.ParseUint(word, 10, 64)
	if err != nil || f.form == formPlusOne && v == math.MaxUint64 {
		return 0, bad
	}
	if f.form == formPlusOne {
		v++
	}
	return v, nil
}
