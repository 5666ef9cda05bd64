#!/bin/sh
# causeway-tune from its command line to its file: check_tune.sh MPIEXEC TUNE INFO PART, where PART
# is file, signal, file_size or arguments.
set -eu
mpiexec=$1 tune=$2 info=$3 part=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset CAUSEWAY_TUNING_FILE CAUSEWAY_TUNE
fail() { echo "$*"; cat out err 2>/dev/null; exit 1; }

# Fails unless `rules` is all that was written, and other runs take it.
accepted() {
  [ -s rules ] || fail "there is no file"
  [ -z "$(find . -name 'rules.*')" ] || fail "something is left beside the file"
  head -1 rules | grep -q '^# causeway tuning rules, measured by causeway-tune [0-9]' || fail "no head"
  grep -q '^# ranks: 2$' rules || fail "the head does not say how many ranks there were"
  CAUSEWAY_TUNING_FILE=$work/rules CAUSEWAY_DEVICE=host "$mpiexec" -n 2 "$info" >out 2>err ||
    fail "the file is refused"
}

case $part in
file)
  # Against rules that are bad by far: what is found is better, however busy the machine is, so that there is something to write.
  CAUSEWAY_TUNE='*:memory:256K-:protocol=staged,chunk=16' "$mpiexec" -n 2 "$tune" --device host \
    --sizes 64:1M --seconds 5 -o rules >out 2>err || fail "status $?"
  grep -q '^30 of 30, [0-9:]* left: sendrecv memory 1M: ' err || fail "not every size was measured"
  for operation in alltoallv sendrecv; do
    [ "$(grep -c "^$operation  *memory " out)" -eq 15 ] || fail "not every size of $operation is in the table"
    grep -q "^$operation:memory:" rules || fail "it found nothing better than bad rules for $operation"
  done
  grep -q 'CAUSEWAY_TUNING_FILE=rules' out || fail "it does not say how to use the file"
  accepted
  ;;
signal | file_size)
  # One rank alone gets the signal, when something has been measured.
  cat >rank.sh <<'SCRIPT'
echo $$ >"pid.$$"
exec "$@"
SCRIPT
  "$mpiexec" -n 2 sh rank.sh "$tune" --device host --sizes 1K:1M --seconds 60 -o rules \
    >out 2>err &
  job=$!
  tries=0
  until grep -q '^1 of 22' err; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || { kill "$job"; fail "nothing was measured"; }
    sleep 0.1
  done
  [ ! -e rules ] || fail "the file is there before it is whole"
  if [ "$part" = file_size ]; then
    # A file that may not become so large is an error as others are.
    command -v prlimit >/dev/null || { kill "$job"; echo "SKIPPED: no prlimit here"; exit 0; }
    for pid in $(cat pid.*); do prlimit --fsize=100 --pid "$pid"; done
    kill -INT "$(cat pid.* | head -1)"
    ! wait "$job" || fail "it could write"
    grep -q "'rules[.0-9]*' cannot be written: File too large" err || fail "it does not say why"
    [ -z "$(find . -name 'rules*')" ] || fail "something is left"
    exit 0
  fi
  kill -INT "$(cat pid.* | head -1)"
  wait "$job" || fail "status $?"
  grep -q '^# stopped after [1-9][0-9]* of 22 measurements$' rules || fail "it did not stop early"
  accepted
  ;;
arguments)
  # refused STATUS SENTENCE ARGUMENT...
  refused() {
    wanted=$1 sentence=$2
    shift 2
    status=0
    "$mpiexec" -n "${ranks:-2}" "$tune" "$@" >out 2>err || status=$?
    [ "$status" -eq "$wanted" ] || fail "$*: status $status"
    [ "$(grep -cF -- "causeway-tune: $sentence" err)" -eq 1 ] || fail "$*: '$sentence' is not said, or by each rank"
    [ -z "$(find . -name 'rules*')" ] || fail "$*: a file was written"
  }
  refused 2 "The following argument was not expected: --size" --size
  refused 2 "--sizes: '4:1' is not MIN:MAX" --sizes 4:1 -o rules
  refused 2 "--seconds: 'soon' is not a number of seconds" --seconds soon
  refused 2 "--device: gpu not in {host,cuda}" --device gpu
  refused 2 "--output: " -o
  refused 2 "'/no/such/rules' cannot be written: No such file" -o /no/such/rules
  ranks=1 refused 2 "at least two ranks are needed, there is 1" -o rules
  "$mpiexec" -n 2 "$tune" --help >out 2>err || fail "--help: status $?"
  [ "$(grep -c 'causeway-tune \[OPTIONS\]' out)" -eq 1 ] || fail "--help prints no usage, or on each rank"
  ;;
esac
