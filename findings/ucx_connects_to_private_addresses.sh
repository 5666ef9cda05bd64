#!/bin/sh
# UCX over TCP pairs any interface with any address of the peer, also with one of a network that only the peer's host has.
#
# Seen 2026-11-27 with Debian 12's libucx0=1.13.1-1 and PyPI's libucx-cu12==1.19.0: two hosts share one network, and each has one
# more of its own, as a bridge of containers with a subnet per host makes it. Without settings ucx_perftest ends on both
# hosts: "connect(... dest_addr=<the other's own network>) failed: Network is unreachable", then "Destination is
# unreachable", although it was started with the peer's address in the shared network. The routing table is not asked.
# With UCX_NET_DEVICES naming the shared network's interface it runs.
# What to do: on hosts with more networks than the one that joins them, set UCX_NET_DEVICES; a library that makes UCX workers
# finds out which interfaces join its hosts before it makes one.
# Needs root, ip and unshare: the hosts are network namespaces.
set -eu
if [ "${INSIDE:-}" != $$ ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  cd "$folder"
  apt-get -qq download libucx0=1.13.1-1 ucx-utils=1.13.1-1
  for package in *.deb; do dpkg -x "$package" debian; done
  python3 -m pip -q download --no-deps -d . libucx-cu12==1.19.0
  python3 -m zipfile -e libucx_cu12-*.whl wheel
  script=$(cd "$OLDPWD" && realpath "$0")
  unshare --net --mount --pid --ipc --fork --mount-proc --kill-child \
    sh -c 'INSIDE=$$ exec sh "$0" "$1"' "$script" "$folder"
  exit
fi
cd "$1"
mount -t tmpfs tmpfs /run
ip link set lo up
ip link add joined type bridge
ip link set joined up
for host in 1 2; do
  ip netns add "h$host"
  ip -n "h$host" link set lo up
  ip link add "port$host" type veth peer name shared netns "h$host"
  ip link set "port$host" master joined up
  ip -n "h$host" address add "198.18.78.$host/24" dev shared
  ip -n "h$host" link set shared up
  # The other end is on the same host.
  ip -n "h$host" link add own type veth peer name inside
  ip -n "h$host" address add "198.18.9$host.1/24" dev own
  ip -n "h$host" link set own up
  ip -n "h$host" link set inside up
done
sleep 2
status=0
# run FOLDER [SETTING]: a ping-pong between the hosts; how it ended
run() {
  binary=$(find "$1" -name ucx_perftest -type f)
  chmod +x "$binary"
  libraries=$(dirname "$(find "$1" -name 'libucp.so.0')")
  host_command="unshare --uts --ipc --fork env UCX_TLS=tcp,self LD_LIBRARY_PATH=$libraries ${2:-UCX_LOG_LEVEL=error}"
  ip netns exec h1 $host_command sh -c "hostname h1; timeout 20 $binary -t tag_lat -s 8 -n 100" >server 2>&1 &
  sleep 2
  ip netns exec h2 $host_command \
    sh -c "hostname h2; timeout 20 $binary 198.18.78.1 -t tag_lat -s 8 -n 100" >client 2>&1 && echo runs ||
    { grep -o 'dest_addr=198.18.91.1:[0-9]*) failed: Network is unreachable' client | sed 's/:[0-9]*)/)/' | head -n 1; }
  wait
}
# expect WANTED FOLDER [SETTING]
expect() {
  seen=$(run "$2" "${3:-}")
  echo "$2 ${3:-as it comes}: $seen"
  [ "$seen" = "$1" ] || { echo "it was '$1' before"; cat client; status=1; }
}
for version in debian wheel; do
  expect "dest_addr=198.18.91.1) failed: Network is unreachable" "$version"
  expect runs "$version" UCX_NET_DEVICES=shared
done
exit $status
