#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace fanout::detail {

/// Inputs that were alone in a worker when it died, and how often. It remembers the first few thousand of them.
///
/// Thread safety: none.
class quarantine {
 public:
  explicit quarantine(std::uint32_t most_deaths) : most_deaths_(most_deaths) {}

  /// Books a death. Returns whether the input is held from now on.
  bool note(std::uint32_t function, std::string_view input) {
    if (most_deaths_ == 0 || deaths_.size() >= most_inputs) return false;
    const std::uint32_t deaths = ++deaths_[{function, std::string(input)}];
    if (deaths < most_deaths_) return false;
    any_held_ = true;
    return true;
  }
  bool any_held() const noexcept { return any_held_; }
  bool holds(std::uint32_t function, std::string_view input) const {
    const auto found = deaths_.find({function, std::string(input)});
    return found != deaths_.end() && found->second >= most_deaths_;
  }

 private:
  static constexpr std::size_t most_inputs = 4096;

  std::uint32_t most_deaths_;
  bool any_held_ = false;
  std::map<std::pair<std::uint32_t, std::string>, std::uint32_t> deaths_;
};

}  // namespace fanout::detail
