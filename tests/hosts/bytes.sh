#!/bin/sh
# What crosses the data link is what was sent to other hosts: bytes.sh HOSTS RANKS_PER_HOST EXCHANGE
set -u
. "$(dirname "$0")/hosts.sh"
slots=$2 exchange=$3
bytes=1000000 count=20
hosts_up "$1"
before=$(hosts_sent 1)
hosts_mpirun "$slots" "$exchange" "$bytes" "$count" || exit 1
crossed=$(($(hosts_sent 1) - before))
expected=$((slots * slots * (hosts - 1) * bytes * count))
echo "host 1 sent $crossed bytes on its data link; $expected are payload"
# Headers of messages, of TCP and of Ethernet, and words that say what has arrived.
[ "$crossed" -ge "$expected" ] && [ "$crossed" -le $((expected + expected / 20 + 1000000)) ]
