#!/bin/sh
# Cuts the data link of a host in mid-exchange: cut.sh HOSTS RANKS_PER_HOST CUTS EXCHANGE [SECONDS]
# Each time every rank must report a broken link within SECONDS (30), which is also CAUSEWAY_LINK_TIMEOUT
# and a few seconds more.
set -u
. "$(dirname "$0")/hosts.sh"
slots=$2 cuts=$3 exchange=$4 limit=${5:-30}
export CAUSEWAY_LINK_TIMEOUT=$((limit - limit / 3))
export OMPI_MCA_orte_enable_recovery=1
hosts_up "$1"
ranks=$((hosts * slots))
out=$hosts_work/out
good=0
cut=1
while [ "$cut" -le "$cuts" ]; do
  : >"$out"
  hosts_mpirun "$slots" "$exchange" 200000 0 >"$out" 2>&1 &
  job=$!
  tries=0
  until grep -q '^exchanging' "$out" || [ "$tries" -ge 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  sleep "0.$((cut * 7 % 10))"
  cut_host=$((cut % hosts + 1))
  hosts_link "$cut_host" down
  tries=0
  until [ "$(grep -c '^rank [0-9]* failed' "$out")" -ge "$ranks" ] || [ "$tries" -ge $((limit * 10 + 50)) ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  kill "$job" 2>/dev/null
  wait "$job" 2>/dev/null
  hosts_kill
  hosts_link "$cut_host" up
  told=$(awk -v limit="$limit" '/^rank [0-9]+ failed after .* the network link between rank [0-9]+ and rank [0-9]+ is broken/ &&
    $5 < limit' "$out" | wc -l)
  if [ "$told" -eq "$ranks" ]; then
    good=$((good + 1))
  else
    echo "cut $cut of host $cut_host: $told of $ranks ranks reported:"
    cat "$out"
  fi
  cut=$((cut + 1))
done
grep '^rank' "$out"
echo "$good of $cuts cuts: every rank named the link"
[ "$good" -eq "$cuts" ]
