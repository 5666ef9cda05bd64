// A program that closes the library, which MPI still calls: `unload_test libcauseway.so`.
#include <dlfcn.h>
#include <mpi.h>

#include <cstdio>

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  void* const library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (library == nullptr) {
    std::fprintf(stderr, "cannot load the library\n");
    return 1;
  }
  using Attach = int (*)(MPI_Comm, MPI_Info);
  const auto attach = reinterpret_cast<Attach>(dlsym(library, "MPIX_Comm_attach"));
  const bool well = attach != nullptr && attach(MPI_COMM_WORLD, MPI_INFO_NULL) == MPI_SUCCESS;
  dlclose(library);
  // Deletes the attribute that the library has left at the communicator.
  MPI_Finalize();
  if (well) std::printf("unloaded\n");
  return well ? 0 : 1;
}
