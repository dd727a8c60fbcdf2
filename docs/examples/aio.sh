#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Asynchronous I/O, verified and fuzzed by aiocheck, as a kernel self-test:
# KTAP on standard output, exit code 0 (pass), 1 (fail) or 4 (skip).
#
# usage: aio.sh [FLAG...]
#
# The flags are given to `aiocheck verify` and to `aiocheck fuzz`: none for the
# running kernel, --target qemu --kernel bzImage for another one. From the
# environment:
#
#   AIOCHECK      the program                              (aiocheck)
#   AIO_REQUESTS  how many requests to verify              (20000)
#   AIO_BUDGET    how long to fuzz                         (60s)
#   AIO_OUT       where traces and findings go             (a new directory)
#
# In a kernel tree it is tools/testing/selftests/aio/aio.sh, beside a Makefile:
#
#   TEST_PROGS := aio.sh
#   include ../lib.mk

[ $# -gt 0 ] || set -- --target host
AIOCHECK=${AIOCHECK:-aiocheck}
AIO_OUT=${AIO_OUT:-$(mktemp -d)}

echo "TAP version 13"
if ! command -v "$AIOCHECK" >/dev/null; then
	echo "1..0 # SKIP $AIOCHECK is not installed"
	exit 4
fi
echo "1..2"
echo "# traces and findings are in $AIO_OUT"

number=0
failed=0
passed=0

# run NAME COMMAND... is a test: its own KTAP, indented, and a line that says
# how it ended.
run() {
	name=$1
	shift
	number=$((number + 1))
	"$@" >"$AIO_OUT/$name.ktap"
	code=$?
	sed 's/^/  /' "$AIO_OUT/$name.ktap"
	case $code in
	0)
		echo "ok $number $name"
		passed=$((passed + 1)) ;;
	3)
		echo "ok $number $name # SKIP this machine cannot run it" ;;
	4)
		echo "not ok $number $name # TIMEOUT undecided"
		failed=$((failed + 1)) ;;
	*)
		echo "not ok $number $name # exit=$code"
		failed=$((failed + 1)) ;;
	esac
}

run verify "$AIOCHECK" verify --format ktap --requests "${AIO_REQUESTS:-20000}" --trace "$AIO_OUT/verify.aiot" "$@"
run fuzz "$AIOCHECK" fuzz --format ktap --duration "${AIO_BUDGET:-60s}" --out "$AIO_OUT/fuzz" "$@"

[ $failed -eq 0 ] || exit 1
[ $passed -gt 0 ] || exit 4
