#include "compare/text/embedded.hpp"

// The assembler reads the files. Their paths come from the build, which knows that this object depends on them.
asm(".pushsection .rodata.fanout_embedded, \"a\"\n"
    ".global fanout_page_begin\n"
    ".global fanout_page_end\n"
    ".global fanout_beside_begin\n"
    ".global fanout_beside_end\n"
    "fanout_page_begin:\n"
    ".incbin \"" FANOUT_PAGE
    "\"\n"
    "fanout_page_end:\n"
    "fanout_beside_begin:\n"
    ".incbin \"" FANOUT_BESIDE
    "\"\n"
    "fanout_beside_end:\n"
    ".popsection\n");

extern "C" {
extern const char fanout_page_begin[];
extern const char fanout_page_end[];
extern const char fanout_beside_begin[];
extern const char fanout_beside_end[];
}

namespace fanout::detail {

std::string_view page_template() {
  return {fanout_page_begin, static_cast<std::size_t>(fanout_page_end - fanout_page_begin)};
}

std::string_view python_program() {
  return {fanout_beside_begin, static_cast<std::size_t>(fanout_beside_end - fanout_beside_begin)};
}

}  // namespace fanout::detail
