#!/bin/sh
# Runs ranks that may not look into each other: check_apart.sh MPIRUN PROGRAM HOW
#   readable_by_nobody  the program's file can be run but not read, by a user who is not the superuser
#   user_namespaces     each rank is in a user namespace of its own, as in rootless containers
#   hidden, strangers, walled  what the program does itself
set -u
mpirun=$1 program=$2 how=$3
out=$(mktemp) folder=$(mktemp -d)
trap 'rm -rf "$out" "$folder"' EXIT
skip() { echo "SKIPPED: $1"; exit 0; }
root() { [ "$(id -u)" -eq 0 ] || skip "needs root"; }
# What ranks share is causeway's to find out: MPI has means that none of these cases takes away.
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_btl=self,vader MPIR_CVAR_CH4_CMA_ENABLE=0 UCX_POSIX_USE_PROC_LINK=n
run() { timeout -k 1 120 "$@" >"$out" 2>&1 </dev/null; }
case $how in
readable_by_nobody)
  root
  chmod 755 "$folder"
  cp "$program" "$folder/apart"
  chmod 711 "$folder/apart"
  as_nobody="env HOME=/tmp setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all"
  (cd / && $as_nobody "$folder/apart" plain >/dev/null 2>&1 </dev/null) ||
    skip "another user cannot run the program"
  cd / && run $as_nobody "$mpirun" -n 3 "$folder/apart" plain
  ;;
user_namespaces)
  unshare --user --map-root-user true 2>/dev/null || skip "no user namespaces here"
  run "$mpirun" -n 4 unshare --user --map-root-user "$program" plain
  ;;
strangers)
  root
  # MPI's files are its user's, UCX's too.
  OMPI_MCA_btl=self,tcp run "$mpirun" -n 4 "$program" strangers
  ;;
walled)
  root
  run "$mpirun" -n 2 "$program" walled
  ;;
*) run "$mpirun" -n 3 "$program" "$how" ;;
esac
result=$?
cat "$out"
says() { grep -q "$1" "$out" || { echo "FAILED: no line with '$1'"; exit 1; }; }
warned=$(grep -c "both run on .* but cannot open the shared memory of process" "$out")
case $how in
strangers)
  if [ "$CAUSEWAY_TEST_UCX" -eq 0 ]; then says "this build has no UCX to link hosts"; exit 0; fi
  [ "$warned" -eq 1 ] || { echo "FAILED: $warned warnings"; exit 1; }
  says '^exchanged$'
  ;;
walled)
  # Neither can UCX get anywhere.
  [ "$result" -ne 0 ] && [ "$result" -ne 124 ] || { echo "FAILED: result $result"; exit 1; }
  [ "$CAUSEWAY_TEST_UCX" -eq 0 ] || says "network link to rank . on .* is broken"
  says "cannot open the shared memory of process .*: Permission denied; through its socket: connect"
  ;;
*)
  [ "$warned" -eq 0 ] || { echo "FAILED: memory is not shared"; exit 1; }
  says '^exchanged$'
  [ "$result" -eq 0 ]
  ;;
esac
