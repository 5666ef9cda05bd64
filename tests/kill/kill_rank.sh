#!/bin/sh
# Kills one rank in mid-exchange, TRIES times: kill_rank.sh MPIRUN RANKS TRIES PROGRAM [arguments]
# Each time every survivor must report the dead rank within 10 seconds, and /dev/shm must be as before.
set -u
mpirun=$1 ranks=$2 tries=$3
shift 3
export OMPI_MCA_orte_enable_recovery=1
out=$(mktemp)
trap 'rm -f "$out"' EXIT
left() { find /dev/shm -mindepth 1 -name '*causeway*' | sort; }
before=$(left)
good=0
try=1
while [ "$try" -le "$tries" ]; do
  # mpirun itself may wait for more than the survivors: what they print is what counts.
  timeout -k 1 60 "$mpirun" -n "$ranks" "$@" >"$out" 2>&1
  if grep '^SKIPPED' "$out"; then exit 0; fi
  survivors=$(awk '/^survivor [0-9]+: dead rank [0-9]+ after/ && $7 < 10' "$out" | wc -l)
  if [ "$survivors" -eq $((ranks - 1)) ] && [ "$(left)" = "$before" ]; then
    good=$((good + 1))
  else
    echo "try $try: $survivors of $((ranks - 1)) survivors reported:"
    cat "$out"
  fi
  try=$((try + 1))
done
grep '^survivor' "$out"
echo "$good of $tries tries: every survivor named the dead rank"
[ "$good" -eq "$tries" ]
