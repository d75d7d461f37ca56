#include "http/body/content_coding.hpp"

#include <fanout/http/detail/text.hpp>

#include <fmt/format.h>

#include <array>
#include <utility>

namespace fanout::http {
namespace {

/// Undoes `outer`, which was applied last, and then `inner`.
class stacked_decoder final : public decoder {
 public:
  stacked_decoder(std::unique_ptr<decoder> outer, std::unique_ptr<decoder> inner)
      : outer_(std::move(outer)), inner_(std::move(inner)) {}

  std::size_t decode(std::string_view& coded, std::span<char> into) override {
    std::size_t written = 0;
    for (;;) {
      written += inner_->decode(pending_, into.subspan(written));
      if (written == into.size()) return written;
      const std::size_t more = outer_->decode(coded, between_);
      if (more == 0) return written;
      pending_ = {between_.data(), more};
    }
  }

  bool whole() const noexcept override { return outer_->whole() && inner_->whole(); }

 private:
  std::unique_ptr<decoder> outer_, inner_;
  std::array<char, 16 * 1024> between_{};
  std::string_view pending_;
};

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::unique_ptr<decoder> make_decoder_stack(std::string_view codings, std::size_t most) {
  std::unique_ptr<decoder> stack;
  std::size_t count = 0;
  // Listed in the order they were applied: the last one is undone first.
  while (!codings.empty()) {
    const auto comma = codings.find(',');
    const auto name = trimmed(codings.substr(0, comma));
    codings.remove_prefix(comma == codings.npos ? codings.size() : comma + 1);
    if (name.empty() || equal_ignoring_case(name, "identity")) continue;
    if (++count > most) throw coding_error(fmt::format("more than {} content codings, one over another", most));
    auto each = make_decoder(name);
    if (!each) return nullptr;
    stack = stack ? std::make_unique<stacked_decoder>(std::move(each), std::move(stack)) : std::move(each);
  }
  return stack;
}

}  // namespace fanout::http
