# FANOUT_SANITIZE holds a list such as "address;undefined" or "thread".
if(FANOUT_SANITIZE)
  string(REPLACE ";" "," fanout_sanitizers "${FANOUT_SANITIZE}")
  # vptr looks at memory through a pipe, and reports an error where no descriptor is left to make one.
  add_compile_options(-fsanitize=${fanout_sanitizers} -fno-sanitize=vptr -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${fanout_sanitizers})
  # What both sanitizers describe of each source line is full of addresses: as a position-independent program, the tool has
  # 850,000 of them to relocate whenever it starts, in pages of its own. Tests start it, and workers, thousands of times.
  add_link_options($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-no-pie>)
endif()
