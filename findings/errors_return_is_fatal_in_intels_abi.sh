#!/bin/sh
# With Intel MPI's library of the MPI-5 ABI, MPI_ERRORS_RETURN ends the program.
#
# Seen 2026-11-28 in Intel MPI 2021.19 (PyPI's impi-rt). A program that was compiled against the standard's mpi_abi.h and runs with
# Intel's libmpi_abi.so.1 sets MPI_ERRORS_RETURN on a communicator, MPI_Comm_get_errhandler says that it is there, and the first
# call with a wrong argument aborts all the same. An error handler of the program's own is called. With Intel's own interface
# (libmpi.so.12), and with the libmpi_abi.so.1 of PyPI's mpich 5.0.2, the same program gets the error.
# What to do: a handler from MPI_Comm_create_errhandler, or Intel's own interface where errors are to be survived.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >errors.c <<'C'
#include <mpi.h>
#include <stdio.h>
static void handle(MPI_Comm* comm, int* code, ...) { printf("handler\n"); fflush(stdout); }
int main(int argc, char** argv) {
  int nothing = 0;
  MPI_Errhandler handler = MPI_ERRORS_RETURN, set;
  MPI_Init(NULL, NULL);
  if (argc > 1) MPI_Comm_create_errhandler(handle, &handler);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, handler);
  MPI_Comm_get_errhandler(MPI_COMM_WORLD, &set);
  printf(set == handler ? "set\n" : "not-set\n");
  fflush(stdout);
  MPI_Send(&nothing, -1, MPI_INT, 0, 0, MPI_COMM_WORLD);
  printf("returned\n");
  fflush(stdout);
  MPI_Finalize();
  return 0;
}
C
for package in mpich==5.0.2 impi-devel==2021.19.0; do
  python3 -m venv "${package%%=*}"
  "${package%%=*}/bin/pip" -q install --no-deps "$package"
done
impi-devel/bin/pip -q install --no-deps impi-rt==2021.19.0
export I_MPI_ROOT="$folder/impi-devel" I_MPI_FABRICS=shm
mpich/bin/mpicc_abi -w errors.c -o abi
impi-devel/bin/mpicc -w errors.c -o own
status=0
# expect NAME LIBRARIES WANTED COMMAND...
expect() {
  name=$1 libraries=$2 wanted=$3
  shift 3
  seen=$(LD_LIBRARY_PATH=$folder/$libraries/lib timeout 60 "$@" 2>/dev/null </dev/null | tr '\n' ' ')
  echo "$name: $seen"
  [ "$seen" = "$wanted " ] || { echo "it was '$wanted' before"; status=1; }
}
expect mpich-5.0.2-abi mpich "set returned" ./abi
expect intelmpi-2021.19 impi-devel "set returned" ./own
expect intelmpi-2021.19-abi impi-devel "set" ./abi
expect intelmpi-2021.19-abi-with-a-handler impi-devel "set handler returned" ./abi handler
exit $status
