#!/bin/sh
# Kills one rank in mid-exchange, TRIES times: kill_rank.sh MPIRUN RANKS TRIES PROGRAM [arguments]
# Each time every survivor must report the dead rank within 10 seconds, and /dev/shm must be as before.
set -u
mpirun=$1 ranks=$2 tries=$3
shift 3
# Launchers that end all ranks when one ends are told not to.
export OMPI_MCA_orte_enable_recovery=1
keeps=
if "$mpirun" --version 2>&1 | grep -qi hydra; then keeps=-disable-auto-cleanup; fi
# In user namespaces MPI's own copies between processes fail.
export MPIR_CVAR_CH4_CMA_ENABLE=0
out=$(mktemp) told=$(mktemp)
trap 'rm -f "$out" "$told"' EXIT
left() { find /dev/shm -mindepth 1 -name '*causeway*' | sort; }
before=$(left)
good=0
try=1
while [ "$try" -le "$tries" ]; do
  # mpirun itself may wait for more than the survivors: what they print is what counts.
  # Some launchers do not pass on what ranks print at their end.
  : >"$told"
  # shellcheck disable=SC2086,SC2016
  timeout -k 1 60 "$mpirun" $keeps -n "$ranks" sh -c 'told=$1; shift; exec "$@" >>"$told"' sh "$told" "$@" >"$out" 2>&1
  cat "$told" >>"$out"
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
