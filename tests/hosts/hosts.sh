# Sourced by the tests between hosts: hosts in network namespaces, on one machine.
#
# Each host has a name, processes, IPC and /dev/shm of its own, and two links: `control` carries mpirun
# and MPI, `data` carries UCX. A host's ends of both are on bridges; cutting a link takes the bridge's
# port of it down. Needs root, ip and unshare.
#
# The sourcing script goes on in namespaces of its own, with mpirun, the bridges and the hosts: runs at
# the same time do not meet, and the kernel removes everything when the script ends, also when killed.

if [ "${CAUSEWAY_HOSTS_INIT:-}" != $$ ]; then
  inside="unshare --net --mount --pid --ipc --fork --mount-proc --kill-child"
  if ! why=$($inside sh -c 'mount -t tmpfs tmpfs /run && ip netns add try &&
      ip link add try type bridge && unshare --uts --ipc --mount --pid --fork true' 2>&1); then
    echo "SKIPPED: no network namespaces here ($(echo "$why" | tr '\n' ' '))"
    exit 0
  fi
  # unshare itself blocks SIGTERM.
  setpriv --pdeathsig KILL $inside sh -c 'CAUSEWAY_HOSTS_INIT=$$ exec "$0" "$@"' "$0" "$@" &
  trap 'kill -9 $!; exit 1' INT TERM
  wait $!
  exit
fi
trap 'exit 1' INT TERM
mount -t tmpfs tmpfs /run
hosts_work=/run/hosts
mkdir "$hosts_work"

# hosts_up COUNT: makes hosts h1, h2, ... and starts nothing on them.
hosts_up() {
  hosts=$1
  ip link set lo up
  for bridge in control data; do
    ip link add "$bridge" type bridge
    ip link set "$bridge" up
  done
  ip address add 198.18.77.254/24 dev control
  host=1
  while [ "$host" -le "$hosts" ]; do
    ip netns add "h$host"
    ip -n "h$host" link set lo up
    for link in control=77 data=78; do
      bridge=${link%=*}
      ip link add "$bridge$host" type veth peer name "$bridge" netns "h$host"
      ip link set "$bridge$host" master "$bridge" up
      ip -n "h$host" address add "198.18.${link#*=}.$host/24" dev "$bridge"
      ip -n "h$host" link set "$bridge" up
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

# What MPI and UCX are told of the two links, as options of mpirun.
hosts_links="--mca btl_tcp_if_include 198.18.77.0/24 -x UCX_NET_DEVICES=data"

# hosts_mpirun RANKS_PER_HOST PROGRAM [arguments]: one job on all hosts, from a hostfile.
hosts_mpirun() {
  slots=$1
  shift
  : >"$hosts_work/hostfile"
  host=1
  while [ "$host" -le "$hosts" ]; do
    echo "h$host slots=$slots" >>"$hosts_work/hostfile"
    host=$((host + 1))
  done
  "${MPIRUN:-mpirun}" --hostfile "$hosts_work/hostfile" -n $((hosts * slots)) \
    --mca plm_rsh_agent "$hosts_work/agent" --mca plm_rsh_no_tree_spawn 1 --leave-session-attached \
    --mca oob_tcp_if_include 198.18.77.0/24 --mca pml ob1 --mca mpi_yield_when_idle 1 \
    $hosts_links $(for name in CAUSEWAY_LINK_TIMEOUT CAUSEWAY_TIMEOUT CAUSEWAY_LOG UCX_TLS; do
      eval "[ -z \"\${$name:-}\" ] || echo -x $name"; done) "$@"
}

# hosts_kill: ends every process on every host.
hosts_kill() {
  host=1
  while [ "$host" -le "$hosts" ]; do
    ip netns pids "h$host" | xargs -r kill -9 2>/dev/null
    host=$((host + 1))
  done
}

# hosts_link N down|up: cuts or mends the data link of host N.
hosts_link() { ip link set "data$1" "$2"; }

# hosts_sent N: bytes that host N has sent on its data link.
hosts_sent() { ip netns exec "h$1" cat /sys/class/net/data/statistics/tx_bytes; }
