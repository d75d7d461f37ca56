#pragma once

#include <fanout/fetch/exchange.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// `--write-out`: what to print of each page.
namespace fanout::fetch {

/// A format of curl's: text with `%{variable}`, `%header{name}`, `%%`, `\n`, `\r` and `\t`. `%{stderr}` and `%{stdout}`
/// say where what follows goes, `%{onerror}` that it is for failures alone. The record needs `headers`, `measured` and
/// the heads (`settings::keep_heads`).
///
/// Thread safety: never changes.
class write_out {
 public:
  /// Throws `std::invalid_argument` that names a variable there is not, and those there are.
  explicit write_out(std::string_view format);

  struct texts {
    std::string output;
    std::string errors;
  };
  /// What it says of one record. `fail`: a status of 400 and above is a failure.
  texts of(std::uint64_t index, const request& asked, const record& result, bool fail) const;

 private:
  enum class part_kind { text, variable, header };
  struct part {
    part_kind kind;
    std::string text;
  };
  std::vector<part> parts_;
};

}  // namespace fanout::fetch
