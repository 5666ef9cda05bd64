// Settings of causeway's in an MPI_Info.
#pragma once

#include <config.hpp>

#include <mpi.h>

namespace causeway::mpi {

/// A communicator's settings, from info where it has them, else from the environment. A key that
/// looks like one of causeway's and is none is an error that names it, and so is a value that a
/// setting cannot take. info may be MPI_INFO_NULL.
Status read_config(MPI_Info info, Config* config);

/// Warns on rank 0 of values in info that a communicator does not have, attached as it is with
/// `config`; errors as above.
Status warn_of_other_settings(MPI_Info info, const Config& config, int rank);

/// Those that a plan has otherwise, from info alone; errors as above, also for a setting that is a
/// communicator's only.
Status read_plan_settings(MPI_Info info, PlanSettings* settings);

}  // namespace causeway::mpi
