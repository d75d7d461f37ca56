# Applied to our own targets only; the headers of dependencies are system headers.
add_library(fanout_warnings INTERFACE)
target_compile_options(fanout_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  -Woverloaded-virtual -Wold-style-cast -Wcast-align)
if(FANOUT_WARNINGS_AS_ERRORS)
  # What a newer release of a library deprecates is a warning: it breaks nobody's build.
  target_compile_options(fanout_warnings INTERFACE -Werror -Wno-error=deprecated-declarations)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(fanout_warnings INTERFACE -Wreserved-identifier)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC's sanitizer builds instrument Asio's headers into false positives of these four.
  if(FANOUT_SANITIZE)
    target_compile_options(fanout_warnings INTERFACE -Wno-maybe-uninitialized -Wno-tsan -Wno-stringop-overflow
      -Wno-mismatched-new-delete)
  endif()
endif()
