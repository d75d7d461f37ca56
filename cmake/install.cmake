# What `cmake --install` leaves behind: headers, the static library, the tool, a CMake package and a pkg-config file.
include(CMakePackageConfigHelpers)

set(fanout_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fanout)

set(fanout_archives fanout)
if(TARGET fanout_throw_locations)
  list(APPEND fanout_archives fanout_throw_locations)
endif()
set(fanout_installed ${fanout_archives})
if(FANOUT_BUILD_CLI)
  list(APPEND fanout_installed fanout_cli)
endif()

# Builds what is installed and nothing else.
add_custom_target(fanout_installed DEPENDS ${fanout_installed})

# `cmake --install` builds nothing and copies in order, so a target that was not built would stop it halfway. It asks
# for all of them first, and leaves an untouched prefix.
foreach(target ${fanout_installed})
  install(CODE "
if(NOT EXISTS \"$<TARGET_FILE:${target}>\")
  message(FATAL_ERROR \"$<TARGET_FILE:${target}> has not been built, so nothing was installed. \"
    \"Build what is installed: cmake --build \\\"${PROJECT_BINARY_DIR}\\\" --target fanout_installed\")
endif()")
endforeach()

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/fanout DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.hpp")
install(TARGETS ${fanout_archives} EXPORT fanoutTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(FANOUT_BUILD_CLI)
  install(TARGETS fanout_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
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
