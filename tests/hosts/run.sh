#!/bin/sh
# Runs an MPI program on hosts: run.sh HOSTS RANKS_PER_HOST PROGRAM [arguments]
set -u
. "$(dirname "$0")/hosts.sh"
hosts_up "$1"
shift
hosts_mpirun "$@"
