# What `cmake --install` puts where: library, headers, programs, and what CMake and pkg-config
# find them by. Programs see causeway::causeway, the C API, and causeway::device, the device headers.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

install(TARGETS causeway causeway_device EXPORT causeway_targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS causeway_info RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(TARGET causeway_tune)
  install(TARGETS causeway_tune RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  # Relative to the program, so that the tree can be moved.
  cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_LIBDIR BASE_DIRECTORY ${CMAKE_INSTALL_FULL_BINDIR}
    OUTPUT_VARIABLE causeway_libdir_of_programs)
  set_target_properties(causeway_tune PROPERTIES
    INSTALL_RPATH "$ORIGIN/${causeway_libdir_of_programs}")
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(causeway_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/causeway)
install(EXPORT causeway_targets NAMESPACE causeway:: DESTINATION ${causeway_cmake_dir}
  FILE causeway-targets.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/causeway-mpi.cmake)
causeway_mpi_interface(CAUSEWAY_MPI_INTERFACE ${MPI_C_LIBRARIES} ${MPI_CXX_LIBRARIES})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/causeway-config.cmake.in
  ${PROJECT_BINARY_DIR}/causeway-config.cmake INSTALL_DESTINATION ${causeway_cmake_dir})
# Until 1.0 a minor version may change anything.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/causeway-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/causeway-mpi.cmake
              ${PROJECT_BINARY_DIR}/causeway-config.cmake
              ${PROJECT_BINARY_DIR}/causeway-config-version.cmake
  DESTINATION ${causeway_cmake_dir})

# Relative to the file itself, so that the tree can be moved.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_LIBDIR BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX}
  OUTPUT_VARIABLE causeway_pc_libdir)
file(RELATIVE_PATH causeway_pc_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(${CMAKE_CURRENT_LIST_DIR}/causeway.pc.in ${PROJECT_BINARY_DIR}/causeway.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/causeway.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
