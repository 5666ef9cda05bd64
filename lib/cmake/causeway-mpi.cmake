# causeway_mpi_interface(<result> [libraries]): the name of the MPI library among these, which tells its binary interface:
# libmpi.so.40 for Open MPI 2 to 5, libmpi.so.12 for MPICH and what is like it, libmpi_abi.so.1 for the interface of
# MPI 5.0, which any MPI may have. Empty where that cannot be seen.
function(causeway_mpi_interface result)
  set(${result} "" PARENT_SCOPE)
  foreach(library IN LISTS ARGN)
    get_filename_component(real "${library}" REALPATH)
    if(real MATCHES "/libmpi(_abi)?\\.so$" AND EXISTS "${real}")
      file(READ "${real}" real LIMIT 200)  # a text for the linker, in wheels
    endif()
    if(real MATCHES "libmpi(ch|_abi)?\\.so\\.([0-9]+)")
      string(REPLACE "ch" "" kind "${CMAKE_MATCH_1}")
      set(${result} libmpi${kind}.so.${CMAKE_MATCH_2} PARENT_SCOPE)
    endif()
  endforeach()
endfunction()
