# Warnings for causeway's own targets: link them to causeway_warnings.
add_library(causeway_warnings INTERFACE)
set(causeway_host_warnings -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion)
target_compile_options(causeway_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:C,CXX>:${causeway_host_warnings};-Wpedantic>
  $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra>)
