#!/bin/sh
# Runs tests of the C API that were built with AddressSanitizer: check_leaks.sh MPIRUN RANKS PROGRAM
# [arguments]. MPI leaks, and unloads what would be named; what counts is that no leak is causeway's.
set -u
mpirun=$1 ranks=$2
shift 2
out=$(mktemp)
trap 'rm -f "$out"' EXIT
# Without frame pointers in MPI, only the slow way finds who called.
export ASAN_OPTIONS=detect_leaks=1:fast_unwind_on_malloc=0 LSAN_OPTIONS=exitcode=0
"$mpirun" -n "$ranks" "$@" >"$out" 2>&1
status=$?
# By source file: frames without one are of modules that were unloaded, under any library's name.
leaks=$(grep -cE '/(mpi_bind|lib|kernels|include/causeway)/[^ ]*[.][ch]pp:[0-9]' "$out")
if [ "$status" -ne 0 ] || [ "$leaks" -ne 0 ]; then cat "$out"; fi
grep -E 'PASSED|FAILED' "$out"
echo "exit status $status, $leaks frames of leaks in libcauseway, $(grep -c 'leak of' "$out") leaks of MPI's"
[ "$status" -eq 0 ] && [ "$leaks" -eq 0 ]
