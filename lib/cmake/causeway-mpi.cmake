# causeway_mpi_interface(<result> [libraries]): the number behind the name of the MPI library among these, which tells its binary
# interface: 40 for Open MPI 2 to 5, 12 for MPICH and what is like it. Empty where that cannot be seen.
function(causeway_mpi_interface result)
  set(${result} "" PARENT_SCOPE)
  foreach(library IN LISTS ARGN)
    get_filename_component(real "${library}" REALPATH)
    if(real MATCHES "/libmpi\\.so$" AND EXISTS "${real}")
      file(READ "${real}" real LIMIT 200)  # a text for the linker, in wheels
    endif()
    if(real MATCHES "libmpi(ch)?\\.so\\.([0-9]+)")
      set(${result} ${CMAKE_MATCH_2} PARENT_SCOPE)
    endif()
  endforeach()
endfunction()
