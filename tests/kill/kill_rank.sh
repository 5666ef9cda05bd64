#!/bin/sh
# Kills one rank in mid-exchange, TRIES times: kill_rank.sh MPIRUN RANKS TRIES PROGRAM [arguments]
# Each time every survivor must report the dead rank within 10 seconds, and /dev/shm must be as before.
set -u
mpirun=$1 ranks=$2 tries=$3
shift 3
# Launchers end all ranks when a process that they have started is killed, some of them whatever they are told:
# a shell stays for each rank until the survivors have said what they know.
# shellcheck disable=SC2016
stay='told=$1 survivors=$2 waits=0
  shift 2
  "$@" >>"$told"
  until grep -q ^SKIPPED "$told" || [ "$(grep -c ^survivor "$told")" -ge "$survivors" ] || [ $waits -ge 200 ]; do
    sleep 0.1
    waits=$((waits + 1))
  done'
# In user namespaces MPI's own ways to look into processes fail.
export MPIR_CVAR_CH4_CMA_ENABLE=0 UCX_POSIX_USE_PROC_LINK=n
out=$(mktemp) told=$(mktemp)
trap 'rm -f "$out" "$told"' EXIT
left() { find /dev/shm -mindepth 1 -name '*causeway*' | sort; }
before=$(left)
good=0
try=1
while [ "$try" -le "$tries" ]; do
  # What survivors say is in a file: some launchers do not pass on what ranks print at their end.
  : >"$told"
  timeout -k 1 60 "$mpirun" -n "$ranks" sh -c "$stay" sh "$told" $((ranks - 1)) "$@" >"$out" 2>&1 </dev/null
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
