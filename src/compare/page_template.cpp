#include "compare/page_template.hpp"

// The assembler reads the file. FANOUT_PAGE is its path, and the build knows that this object depends on it.
asm(".pushsection .rodata.fanout_page, \"a\"\n"
    ".global fanout_page_begin\n"
    ".global fanout_page_end\n"
    "fanout_page_begin:\n"
    ".incbin \"" FANOUT_PAGE
    "\"\n"
    "fanout_page_end:\n"
    ".popsection\n");

extern "C" {
extern const char fanout_page_begin[];
extern const char fanout_page_end[];
}

namespace fanout::detail {

std::string_view page_template() {
  return {fanout_page_begin, static_cast<std::size_t>(fanout_page_end - fanout_page_begin)};
}

}  // namespace fanout::detail
