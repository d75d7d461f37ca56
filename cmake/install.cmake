# What `cmake --install` leaves behind: headers, the static library, the tool, a CMake package and a pkg-config file.
include(CMakePackageConfigHelpers)

set(fanout_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fanout)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/fanout DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.hpp")
install(TARGETS fanout EXPORT fanoutTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(FANOUT_BUILD_CLI)
  install(TARGETS fanout_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET fanout_throw_sites)
  install(TARGETS fanout_throw_sites EXPORT fanoutTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()

install(EXPORT fanoutTargets NAMESPACE fanout:: DESTINATION ${fanout_cmake_dir})
configure_package_config_file(cmake/fanoutConfig.cmake.in ${PROJECT_BINARY_DIR}/fanoutConfig.cmake
  INSTALL_DESTINATION ${fanout_cmake_dir} NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may break its users.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/fanoutConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/fanoutConfig.cmake ${PROJECT_BINARY_DIR}/fanoutConfigVersion.cmake
  DESTINATION ${fanout_cmake_dir})

# pkg-config: the prefix is found from where the file lies, so an installed tree can be moved, and --prefix works.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  message(FATAL_ERROR "CMAKE_INSTALL_LIBDIR and CMAKE_INSTALL_INCLUDEDIR have to be relative to the prefix")
endif()
file(RELATIVE_PATH fanout_pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" fanout_pc_to_prefix "${fanout_pc_to_prefix}")
configure_file(cmake/fanout.pc.in ${PROJECT_BINARY_DIR}/fanout.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/fanout.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
