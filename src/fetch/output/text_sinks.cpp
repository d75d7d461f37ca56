#include <fanout/fetch/text_sinks.hpp>

#include "fetch/options/request_data.hpp"
#include "fetch/output/write_out.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace fanout::fetch {

void header_output::take(finished& each, writer& to) {
  any_ = true;
  to.append(to_, [&](std::string& text) { text += each.result.heads; });
}

format_output::format_output(const std::string& format, bool fail, std::uint64_t first_number)
    : format_(std::make_unique<const write_out>(text_or_file({}, format))), fail_(fail), first_number_(first_number) {}

format_output::~format_output() = default;

void format_output::take(finished& each, writer& to) {
  auto texts = format_->of(first_number_ + each.index, each.asked, each.result, fail_);
  const std::size_t size = texts.output.size() + texts.errors.size();
  // At once, so that it stands behind the page it tells of.
  to.add(size, [made = std::move(texts)] {
    if (const int failed = write_all(STDOUT_FILENO, made.output))
      throw output_error(std::string("cannot write to standard output: ") + std::strerror(failed));
    write_all(STDERR_FILENO, made.errors);
  });
}

}  // namespace fanout::fetch
