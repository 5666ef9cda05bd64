#!/bin/sh
# Where nothing names interfaces, UCX listens on those that join the hosts of a communicator, and on no
# other: joined.sh PARTS
#
# Hosts 1, 2 and 3 are on both links, and each has two networks within it: of one it has the same address
# as the others, as of bridges of containers. Later the data link is down, and hosts 1 and 2 have a link,
# and 1 and 3.
set -eu
. "$(dirname "$0")/hosts.sh"
parts=$1
# joined_await HOST LINK up|down: a moment after its far end the link is so, too.
joined_await() {
  tries=0
  while [ "$(ip -n "h$1" -o link show "$2" | grep -c "state UP")" -ne "$([ "$3" = up ] && echo 1 || echo 0)" ]; do
    [ "$tries" -lt 100 ] || { echo "h$1: $2 does not go $3"; exit 1; }
    sleep 0.1
    tries=$((tries + 1))
  done
}

hosts_up 3
for host in 1 2 3; do
  joined_await "$host" data up
  for bridge in docker0 own; do
    ip -n "h$host" link add "$bridge" type veth peer name "$bridge.in"
    ip -n "h$host" link set "$bridge" up
    ip -n "h$host" link set "$bridge.in" up
    joined_await "$host" "$bridge" up
  done
  ip -n "h$host" address add 172.17.0.1/16 dev docker0
  ip -n "h$host" address add "192.0.2.$((host * 16 + 1))/28" dev own
done
# MPI reads it, and does not tell the library.
echo "btl_tcp_if_include = 198.18.77.0/24" >"$hosts_work/mpi.conf"
hosts_links="--mca mca_base_param_files $hosts_work/mpi.conf"

# joined_run PARTS...: runs them. Each line of standard input must be what a rank prints.
joined_run() {
  out=$hosts_work/out
  hosts_mpirun 1 "$parts" "$@" >"$out" 2>&1 </dev/null || { cat "$out"; exit 1; }
  grep seed "$out"
  while read -r line; do
    grep -qxF "$line" "$out" && continue
    echo "not among what follows: $line"
    cat "$out"
    exit 1
  done
}

joined_run 012 <<EOF
part 012, rank 0 listens on 198.18.77.1 198.18.78.1
part 012, rank 1 listens on 198.18.77.2 198.18.78.2
part 012, rank 2 listens on 198.18.77.3 198.18.78.3
EOF

# What is every host's own is routed to now, and leads nowhere.
for host in 1 2 3; do ip -n "h$host" route add default via 198.18.77.254; done
joined_run 012 <<EOF
part 012, rank 0 listens on 198.18.77.1 198.18.78.1
part 012, rank 1 listens on 198.18.77.2 198.18.78.2
part 012, rank 2 listens on 198.18.77.3 198.18.78.3
EOF

# What UCX's file names stays.
echo "UCX_NET_DEVICES=data" >"$hosts_work/ucx.conf"
links=$hosts_links
hosts_links="$links -x UCX_CONFIG_DIR=$hosts_work"
joined_run 012 <<EOF
part 012, rank 0 listens on 198.18.78.1
part 012, rank 1 listens on 198.18.78.2
part 012, rank 2 listens on 198.18.78.3
EOF
hosts_links=$links

# joined_pair A B: a link between two hosts.
joined_pair() {
  ip link add "to$2" netns "h$1" type veth peer name "to$1" netns "h$2"
  ip -n "h$1" address add "198.19.$1$2.$1/24" dev "to$2"
  ip -n "h$2" address add "198.19.$1$2.$2/24" dev "to$1"
  ip -n "h$1" link set "to$2" up
  ip -n "h$2" link set "to$1" up
  joined_await "$1" "to$2" up
  joined_await "$2" "to$1" up
}
joined_pair 1 2
joined_pair 1 3
for host in 1 2 3; do
  hosts_link "$host" down
  joined_await "$host" data down
  ip -n "h$host" route del default
done
# What a part has listened on stays.
joined_run 01 02 012 12 <<EOF
part 01, rank 0 listens on 198.18.77.1 198.19.12.1
part 01, rank 1 listens on 198.18.77.2 198.19.12.2
part 02, rank 0 listens on 198.18.77.1 198.18.77.1 198.19.12.1 198.19.13.1
part 02, rank 2 listens on 198.18.77.3 198.19.13.3
part 012, rank 0 listens on 198.18.77.1 198.18.77.1 198.18.77.1 198.19.12.1 198.19.13.1
part 012, rank 1 listens on 198.18.77.2 198.18.77.2 198.19.12.2
part 012, rank 2 listens on 198.18.77.3 198.18.77.3 198.19.13.3
part 12, rank 1 listens on 198.18.77.2 198.18.77.2 198.19.12.2
part 12, rank 2 listens on 198.18.77.3 198.18.77.3 198.19.13.3
EOF

# Between two parts with the same ranks, host 1 has its interface under another name: there are two sockets
# of rank 0 that rank 1 has known, with one of its own.
joined_run 01 '!ip link set to2 down && ip link set to2 name other && ip link set other up
    until ip -o link show other | grep -q "state UP"; do sleep 0.1; done' 01 012 <<EOF
part 01, rank 0 listens on 198.18.77.1 198.19.12.1
part 01, rank 1 listens on 198.18.77.2 198.19.12.2
part 01, rank 0 listens on 198.18.77.1 198.18.77.1 198.19.12.1 198.19.12.1
part 012, rank 1 listens on 198.18.77.2 198.18.77.2 198.19.12.2
EOF
