#!/bin/sh
# Installs and uses a build as the README says, with its commands as they stand there: readme.sh README BUILD_TREE. MPICC is the
# wrapper of the MPI that it was built with.
set -eu
readme=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v pkg-config >/dev/null || { echo "SKIPPED: no pkg-config here"; exit 0; }
cd "$work"
ln -s "$build" build
export HOME="$work"
[ -z "${MPICC:-}" ] || PATH=$(dirname "$MPICC"):$PATH
awk '/^```c$/ { on = 1; next } /^```$/ { if (on) exit } on' "$readme" >hello.c
grep -E '^    (cmake --install|export PKG_CONFIG_PATH|mpicc hello|mpirun .*hello)' "$readme" >commands
[ "$(wc -l <commands)" -eq 4 ] || { echo "the README has other commands than these:"; cat commands; exit 1; }
sh -eu commands >out 2>&1 || { cat out; exit 1; }
[ "$(grep -c '^rank [01] has 1 from rank 1$' out)" -eq 2 ] || { cat out; exit 1; }
