#!/bin/sh
# What benchmarks do when they are called wrongly: check_options.sh MPIEXEC ALLTOALLV COLUMN SENDRECV
# NEIGHBOR.
# One rank says which option and value are wrong, and all end with status 2.
set -eu
mpiexec=$1 alltoallv=$2 column=$3 sendrecv=$4 neighbor=$5
ranks=2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "$*"; cat out err; exit 1; }

# refused OPTION VALUE PROGRAM ARGUMENT...
refused() {
  option=$1 value=$2
  shift 2
  status=0
  "$mpiexec" -n $ranks "$@" </dev/null >out 2>err || status=$?
  [ "$status" -eq 2 ] || fail "$*: status $status"
  [ "$(grep -c "^${1##*/}: .*$option.*$value" err)" -eq 1 ] || fail "$*: not said, or by each rank"
}
refused --message-size "'64K'" "$alltoallv" -m 64K --help
refused not --size "$alltoallv" --size
refused device gpu "$column" gpu
refused N "'0'" "$column" host 0
refused --halo 2x2x1 "$neighbor" --halo 2x2x1
ranks=1
refused ranks 1 "$sendrecv"
refused ranks 1 "$neighbor"
ranks=2
for program in "$alltoallv" "$column" "$sendrecv" "$neighbor"; do
  "$mpiexec" -n $ranks "$program" --help </dev/null >out 2>err || fail "--help: status $?"
  [ "$(grep -c "${program##*/} \[OPTIONS\]" out)" -eq 1 ] || fail "--help prints no usage, or on each rank"
done
