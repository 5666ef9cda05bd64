# The binding and its tests built once more, for MPICH, where the build's own MPI is another: handles that are integers,
# errors and a launcher of its own. Debian's mpich and libmpich-dev stand beside Open MPI, which stays `mpicc`;
# CAUSEWAY_MPICH_COMPILER names the `mpicc` of another MPICH.
find_program(CAUSEWAY_MPICH_COMPILER mpicc.mpich)
mark_as_advanced(CAUSEWAY_MPICH_COMPILER)
include(${PROJECT_SOURCE_DIR}/lib/cmake/causeway-mpi.cmake)

# Makes `target` what stands for MPICH, from the flags that its compiler adds.
function(causeway_find_mpich target)
  execute_process(COMMAND ${CAUSEWAY_MPICH_COMPILER} -show OUTPUT_VARIABLE flags
                  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  set(includes ${flags})
  list(FILTER includes INCLUDE REGEX "^-I")
  list(TRANSFORM includes REPLACE "^-I" "")
  set(definitions ${flags})
  list(FILTER definitions INCLUDE REGEX "^-D")
  list(FILTER flags INCLUDE REGEX "^-(L|l|Wl,)")
  add_library(${target} INTERFACE)
  target_compile_definitions(${target} INTERFACE ${definitions})
  target_include_directories(${target} SYSTEM INTERFACE ${includes})
  target_link_libraries(${target} INTERFACE ${flags})
endfunction()

# As they stand where the build's MPI is called: at most as many tests as CI has time for.
function(causeway_test_on_mpich)
  causeway_mpi_interface(interface ${MPI_C_LIBRARIES} ${MPI_CXX_LIBRARIES})
  if(interface STREQUAL libmpi.so.12)
    return()  # all tests are on MPICH, or on an MPI like it
  endif()
  if(NOT CAUSEWAY_MPICH_COMPILER)
    causeway_add_skipped_test(mpi.mpich mpi "no MPICH here, which Debian's mpich and libmpich-dev hold")
    return()
  endif()
  causeway_find_mpich(causeway_mpich_itself)

  causeway_add_binding(causeway_mpich causeway_core causeway_mpich_itself)
  add_executable(causeway_mpi_tests_mpich ${api_tests} mpix_c99.c)
  target_link_libraries(causeway_mpi_tests_mpich
    PRIVATE causeway_mpich causeway_warnings GTest::gtest)
  causeway_use_cuda(causeway_mpi_tests_mpich)
  set_target_properties(causeway_mpich causeway_mpi_tests_mpich PROPERTIES
    UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 14)
  add_executable(causeway_kill_rank_mpich
    ${PROJECT_SOURCE_DIR}/tests/kill/kill_rank.cpp support/gpu_memory.cpp)
  target_link_libraries(causeway_kill_rank_mpich
    PRIVATE causeway_mpich causeway_warnings Threads::Threads)
  causeway_use_cuda(causeway_kill_rank_mpich)

  # A program of the build's MPI gets nowhere with this library.
  causeway_add_mpi_test(mpi.mpich.refused 1 env LD_PRELOAD=$<TARGET_FILE:causeway_mpich>
                        $<TARGET_FILE:causeway_finalize_test>)
  set_tests_properties(mpi.mpich.refused PROPERTIES PASS_REGULAR_EXPRESSION
    "libcauseway was built for MPICH or an MPI like it and runs with another MPI")

  cmake_path(GET CAUSEWAY_MPICH_COMPILER PARENT_PATH programs)
  find_program(CAUSEWAY_MPICH_LAUNCHER NAMES mpiexec.mpich mpiexec.hydra mpiexec
               HINTS ${programs} NO_DEFAULT_PATH REQUIRED)
  mark_as_advanced(CAUSEWAY_MPICH_LAUNCHER)
  set(MPIEXEC_EXECUTABLE ${CAUSEWAY_MPICH_LAUNCHER})
  set(MPIEXEC_NUMPROC_FLAG -n)
  set(MPIEXEC_PREFLAGS)
  set(MPIEXEC_POSTFLAGS)
  causeway_add_mpi_test(mpi.mpich.suites.np1 1 $<TARGET_FILE:causeway_mpi_tests_mpich>)
  # Datatypes are taken apart on one rank. More ranks than processors wait in turn, without sleep.
  causeway_add_mpi_test(mpi.mpich.suites.np2 2 $<TARGET_FILE:causeway_mpi_tests_mpich>
                        --gtest_filter=-Datatypes.*:*/NeighborForms.*:*/Mismatch.*)
  causeway_add_mpi_test(mpi.mpich.suites.np4 4 $<TARGET_FILE:causeway_mpi_tests_mpich>
    --gtest_filter=AnySource*:CApi*:DatatypesInTurn*:Errors.*:Neighbor.*:Nonblocking*)
  add_test(NAME mpi.mpich.kill_rank
           COMMAND ${PROJECT_SOURCE_DIR}/tests/kill/kill_rank.sh ${MPIEXEC_EXECUTABLE} 4 2
                   $<TARGET_FILE:causeway_kill_rank_mpich> 100000)
  causeway_set_mpi_properties(mpi.mpich.kill_rank)
endfunction()
causeway_test_on_mpich()
