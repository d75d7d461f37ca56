# FANOUT_SANITIZE holds a list such as "address;undefined" or "thread".
if(FANOUT_SANITIZE)
  string(REPLACE ";" "," fanout_sanitizers "${FANOUT_SANITIZE}")
  # vptr looks at memory through a pipe, and reports an error where no descriptor is left to make one.
  add_compile_options(-fsanitize=${fanout_sanitizers} -fno-sanitize=vptr -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${fanout_sanitizers})
endif()
