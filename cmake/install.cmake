# What `cmake --install` leaves behind: headers, the static library, the tool, a CMake package and a pkg-config file.
include(CMakePackageConfigHelpers)

set(fanout_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fanout)

set(fanout_installed ${FANOUT_COMPONENTS})
set(fanout_optional "")  # components that are installed by name, or with all, and are no part of fanout::fanout
if(FANOUT_HAS_MPI)
  list(APPEND fanout_optional mpi)
  set(fanout_rooms_of_mpi mpi)
endif()
list(APPEND fanout_installed ${fanout_optional})
list(TRANSFORM fanout_installed PREPEND fanout_)
if(TARGET fanout_throw_locations)
  list(APPEND fanout_installed fanout_throw_locations)
endif()
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

# Each component by itself, too: `cmake --install build --component core`.
foreach(component IN LISTS FANOUT_COMPONENTS fanout_optional)
  foreach(room IN LISTS fanout_rooms_of_${component})
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/fanout/${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/fanout
      COMPONENT ${component} FILES_MATCHING PATTERN "*.hpp")
  endforeach()
  install(TARGETS fanout_${component} EXPORT fanout-${component}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${component})
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/include/fanout/core.hpp ${PROJECT_SOURCE_DIR}/include/fanout/version.hpp
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/fanout COMPONENT core)
if(FANOUT_COMPONENTS STREQUAL fanout_all_components)
  install(FILES ${PROJECT_SOURCE_DIR}/include/fanout/fanout.hpp
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/fanout COMPONENT compare)
endif()
if(TARGET fanout_throw_locations)
  install(TARGETS fanout_throw_locations EXPORT fanout-core
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT core)
endif()
if(FANOUT_BUILD_CLI)
  install(TARGETS fanout_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT cli)
  # The tool prints its own man pages and completions; where it cannot run, on another processor, they are left out.
  set(fanout_texts ${PROJECT_BINARY_DIR}/texts)
  install(CODE "
foreach(text \"manual:fanout.1\" \"manual fetch:fanout-fetch.1\" \"manual curl:fanout-curl.1\" \"manual job:fanout-job.1\" \"manual compare:fanout-compare.1\"
    \"manual serve:fanout-serve.1\" \"completion bash:fanout\" \"completion zsh:_fanout\" \"completion fish:fanout.fish\")
  string(REGEX MATCH \"^([^:]*):(.*)$\" whole \"\${text}\")
  set(file \"${fanout_texts}/\${CMAKE_MATCH_2}\")
  separate_arguments(arguments UNIX_COMMAND \"\${CMAKE_MATCH_1}\")
  execute_process(COMMAND \"$<TARGET_FILE:fanout_cli>\" \${arguments} RESULT_VARIABLE failed
    OUTPUT_VARIABLE printed ERROR_QUIET)
  file(REMOVE \"\${file}\")
  if(NOT failed)
    file(WRITE \"\${file}\" \"\${printed}\")
  endif()
endforeach()" COMPONENT cli)
  foreach(text fanout.1:${CMAKE_INSTALL_MANDIR}/man1 fanout-fetch.1:${CMAKE_INSTALL_MANDIR}/man1
      fanout-curl.1:${CMAKE_INSTALL_MANDIR}/man1 fanout-job.1:${CMAKE_INSTALL_MANDIR}/man1
      fanout-compare.1:${CMAKE_INSTALL_MANDIR}/man1 fanout-serve.1:${CMAKE_INSTALL_MANDIR}/man1
      fanout:${CMAKE_INSTALL_DATADIR}/bash-completion/completions _fanout:${CMAKE_INSTALL_DATADIR}/zsh/site-functions
      fanout.fish:${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
    string(REGEX MATCH "^([^:]*):(.*)$" whole ${text})
    install(FILES ${fanout_texts}/${CMAKE_MATCH_1} DESTINATION ${CMAKE_MATCH_2} COMPONENT cli OPTIONAL)
  endforeach()
endif()

foreach(component IN LISTS FANOUT_COMPONENTS fanout_optional)
  install(EXPORT fanout-${component} NAMESPACE fanout:: DESTINATION ${fanout_cmake_dir} COMPONENT ${component})
endforeach()
configure_package_config_file(cmake/fanoutConfig.cmake.in ${PROJECT_BINARY_DIR}/fanoutConfig.cmake
  INSTALL_DESTINATION ${fanout_cmake_dir} NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may break its users.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/fanoutConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/fanoutConfig.cmake ${PROJECT_BINARY_DIR}/fanoutConfigVersion.cmake
  DESTINATION ${fanout_cmake_dir} COMPONENT core)

# pkg-config: the prefix is found from where the file lies, so an installed tree can be moved, and --prefix works.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  message(FATAL_ERROR "CMAKE_INSTALL_LIBDIR and CMAKE_INSTALL_INCLUDEDIR have to be relative to the prefix")
endif()
file(RELATIVE_PATH fanout_pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" fanout_pc_to_prefix "${fanout_pc_to_prefix}")
set(fanout_pc_description_of_core "The same work under every execution model")
set(fanout_pc_description_of_http "HTTP client of fanout")
set(fanout_pc_description_of_fetch "Fetching many URLs with fanout")
set(fanout_pc_description_of_origin "Embedded HTTP server of fanout, for tests")
set(fanout_pc_description_of_compare "Comparing execution models by measurement")
set(fanout_pc_requires_of_core "fmt >= 9")
set(fanout_pc_requires_of_http
  "fanout-core, libssl >= 3.0, libcrypto >= 3.0, libcares, libbrotlidec, libzstd, libidn2, libpsl, libnghttp2, zlib, fmt >= 9")
set(fanout_pc_requires_of_fetch "fanout-http, libcrypto >= 3.0, libdeflate, libzstd, expat, sqlite3, zlib, fmt >= 9")
set(fanout_pc_requires_of_origin "fanout-core, libssl >= 3.0, libcrypto >= 3.0, libnghttp2, fmt >= 9")
set(fanout_pc_requires_of_compare "fanout-fetch, fmt >= 9")
set(fanout_pc_description_of_mpi "Nodes of fanout over MPI")
set(fanout_pc_requires_of_mpi "fanout-core, mpi-cxx")
set(fanout_pc_libs_of_http "-lboost_json -lboost_url -lboost_container")
set(fanout_pc_libs_of_fetch "-lboost_json -lboost_container")
set(fanout_pc_libs_of_origin "-lboost_json -lboost_container")
set(fanout_pc_libs_of_compare "-lboost_json -lboost_container")
foreach(component IN LISTS FANOUT_COMPONENTS fanout_optional)
  set(fanout_pc_description "${fanout_pc_description_of_${component}}")
  set(fanout_pc_requires "${fanout_pc_requires_of_${component}}")
  set(fanout_pc_libs "${fanout_pc_libs_of_${component}}")
  configure_file(cmake/fanout-component.pc.in ${PROJECT_BINARY_DIR}/fanout-${component}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/fanout-${component}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT ${component})
endforeach()
if(FANOUT_COMPONENTS STREQUAL fanout_all_components)
  configure_file(cmake/fanout.pc.in ${PROJECT_BINARY_DIR}/fanout.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/fanout.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT compare)
endif()
