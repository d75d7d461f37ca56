// One row for each option of `fanout fetch` that is for lists, and not curl's.

#include <fanout/fetch/units.hpp>

#include "cli/fetch_options.hpp"

#include <array>

namespace fanout::cli {
namespace {

template <auto Member>
void set_bulk_flag(fetch_options& into, std::string_view) {
  into.bulk.*Member = true;
}
template <auto Member>
void set_bulk_text(fetch_options& into, std::string_view text) {
  if (text.empty()) throw std::invalid_argument("the value is empty; leave the option out, or give one");
  into.bulk.*Member = text;
}

/// Records where there is nothing but digits, bytes where there is a unit.
void set_rotation(fetch_options& into, std::string_view text) {
  const bool counts = text.find_first_not_of("0123456789") == text.npos;
  into.bulk.rotate_records = counts ? fetch::parse_count(text, 1, 1'000'000'000'000) : 0;
  into.bulk.rotate_bytes = counts ? 0 : fetch::parse_size(text);
}

constexpr std::array bulk_rows{
    output_option{"--restart", "",
                  "Start again from the first URL instead of continuing a run that was stopped or killed",
                  set_bulk_flag<&bulk_options::restart>},
    output_option{"--retry-failed", "", "Continue an earlier run, and fetch the URLs again that failed in it",
                  set_bulk_flag<&bulk_options::retry_failed>},
    output_option{"--rotate", "SIZE|COUNT",
                  "Start another file of records at this size (500MB) or number of records (100000): NAME-00000, "
                  "NAME-00001, ...",
                  set_rotation},
    output_option{"--on-close", "COMMAND",
                  "Run this shell command on each complete file of records, with the file's name as its last argument. "
                  "After 4 failures the run ends with exit status 3, and the file stays",
                  set_bulk_text<&bulk_options::on_close>},
};

}  // namespace

std::span<const output_option> bulk_option_table() {
  return bulk_rows;
}

}  // namespace fanout::cli
