/* The C API called from C. */
#ifndef CAUSEWAY_TESTS_MPIX_C99_H
#define CAUSEWAY_TESTS_MPIX_C99_H

#include <mpi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Collective over comm, whose errors are returned: calls every function of causeway/mpix.h by both
 * of its names. Returns 0, or the line of the first call that did not do what it should. */
int call_every_function_from_c(MPI_Comm comm);

#ifdef __cplusplus
}
#endif

#endif
