# FANOUT_SANITIZE holds a list such as "address;undefined" or "thread".
if(FANOUT_SANITIZE)
  string(REPLACE ";" "," fanout_sanitizers "${FANOUT_SANITIZE}")
  add_compile_options(-fsanitize=${fanout_sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${fanout_sanitizers})
endif()
