# Sourced by the tests between hosts: hosts in network namespaces, on one machine.
#
# Each host has a name, processes, IPC and /dev/shm of its own, and two links: `control` carries mpirun
# and MPI, `data` carries UCX. A host's ends of both are on bridges; cutting a link takes the bridge's
# port of it down. Needs root, ip and unshare.

prefix=cw$$
hosts_work=$(mktemp -d)

# hosts_up COUNT: makes hosts ${prefix}h1, ${prefix}h2, ... and starts nothing on them. What cannot be
# made here is a skipped test.
hosts_up() {
  hosts=$1
  trap hosts_down EXIT
  trap 'exit 1' INT TERM
  if ! { ip link add "${prefix}c" type bridge && ip link add "${prefix}d" type bridge &&
         ip netns add "${prefix}h1" && unshare --uts --ipc --mount --pid --fork true; } 2>"$hosts_work/why"; then
    echo "SKIPPED: no network namespaces here ($(tr '\n' ' ' <"$hosts_work/why"))"
    exit 0
  fi
  ip address add 198.18.77.254/24 dev "${prefix}c"
  ip link set "${prefix}c" up
  ip link set "${prefix}d" up
  host=1
  while [ "$host" -le "$hosts" ]; do
    name=${prefix}h$host
    [ "$host" = 1 ] || ip netns add "$name"
    ip -n "$name" link set lo up
    for link in control=c=77 data=d=78; do
      bridge=${link#*=} net=${link##*=}
      port=$prefix${bridge%=*}$host
      ip link add "$port" type veth peer name "${link%%=*}" netns "$name"
      ip link set "$port" master "$prefix${bridge%=*}" up
      ip -n "$name" address add "198.18.$net.$host/24" dev "${link%%=*}"
      ip -n "$name" link set "${link%%=*}" up
    done
    host=$((host + 1))
  done
  cat >"$hosts_work/agent" <<'AGENT'
#!/bin/sh
# Starts a command on a host, as ssh would.
name=$1
shift
exec ip netns exec "$name" unshare --uts --ipc --mount --pid --fork --mount-proc --kill-child \
  sh -c "hostname $name; mount -t tmpfs tmpfs /dev/shm; $*"
AGENT
  chmod +x "$hosts_work/agent"
}

hosts_down() {
  host=1
  while [ "$host" -le "$hosts" ]; do
    ip netns pids "${prefix}h$host" 2>/dev/null | xargs -r kill -9 2>/dev/null
    ip netns delete "${prefix}h$host" 2>/dev/null
    host=$((host + 1))
  done
  ip link delete "${prefix}c" 2>/dev/null
  ip link delete "${prefix}d" 2>/dev/null
  rm -rf "$hosts_work"
}

# hosts_mpirun RANKS_PER_HOST PROGRAM [arguments]: one job on all hosts, from a hostfile.
hosts_mpirun() {
  slots=$1
  shift
  : >"$hosts_work/hostfile"
  host=1
  while [ "$host" -le "$hosts" ]; do
    echo "${prefix}h$host slots=$slots" >>"$hosts_work/hostfile"
    host=$((host + 1))
  done
  "${MPIRUN:-mpirun}" --hostfile "$hosts_work/hostfile" -n $((hosts * slots)) \
    --mca plm_rsh_agent "$hosts_work/agent" --mca plm_rsh_no_tree_spawn 1 --leave-session-attached \
    --mca oob_tcp_if_include 198.18.77.0/24 --mca btl_tcp_if_include 198.18.77.0/24 --mca pml ob1 \
    --mca mpi_yield_when_idle 1 \
    -x UCX_NET_DEVICES=data $(for name in CAUSEWAY_LINK_TIMEOUT CAUSEWAY_TIMEOUT CAUSEWAY_LOG UCX_TLS; do
      eval "[ -z \"\${$name:-}\" ] || echo -x $name"; done) "$@"
}

# hosts_link N down|up: cuts or mends the data link of host N.
hosts_link() { ip link set "${prefix}d$1" "$2"; }

# hosts_sent N: bytes that host N has sent on its data link.
hosts_sent() { ip netns exec "${prefix}h$1" cat /sys/class/net/data/statistics/tx_bytes; }
