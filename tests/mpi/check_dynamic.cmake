# Checks what loading a library brings: no UCX, and that it stays when it is closed.
# cmake -D READELF=<readelf> -D LIBRARY=<file> -P check_dynamic.cmake
execute_process(COMMAND ${READELF} --dynamic --wide ${LIBRARY}
                OUTPUT_VARIABLE entries COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "NEEDED[^\n]*" needed "${entries}")
if(NOT needed)
  message(FATAL_ERROR "${LIBRARY} needs nothing: ${entries}")
endif()
foreach(library IN LISTS needed)
  if(library MATCHES "libuc[a-z]")
    message(SEND_ERROR "${LIBRARY} loads UCX: ${library}")
  endif()
endforeach()
if(NOT entries MATCHES "NODELETE")
  message(SEND_ERROR "${LIBRARY} may be unloaded while MPI has callbacks into it")
endif()
