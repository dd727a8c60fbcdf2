package fuzz

import "runtime"

// quiet is the test that rapid believes to be in. It says nothing: what matters
// is the last draft that rapid has tried.
type quiet struct{}

func (quiet) Helper()               {}
func (quiet) Name() string          { return "aiocheck-fuzz" }
func (quiet) Logf(string, ...any)   {}
func (quiet) Log(...any)            {}
func (quiet) Skipf(string, ...any)  { runtime.Goexit() }
func (quiet) Skip(...any)           { runtime.Goexit() }
func (quiet) SkipNow()              { runtime.Goexit() }
func (quiet) Errorf(string, ...any) {}
func (quiet) Error(...any)          {}
func (quiet) Fatalf(string, ...any) { runtime.Goexit() }
func (quiet) Fatal(...any)          { runtime.Goexit() }
func (quiet) FailNow()              { runtime.Goexit() }
func (quiet) Fail()                 {}
func (quiet) Failed() bool          { return false }
