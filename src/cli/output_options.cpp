// One row for each option of what `fanout fetch` and `fanout curl` write.

#include <fanout/fetch/units.hpp>

#include "cli/fetch_options.hpp"

#include <array>

namespace fanout::cli {
namespace {

template <auto Member, bool Value = true>
void set_flag(fetch_options& into, std::string_view) {
  into.*Member = Value;
}
template <auto Member>
void set_text(fetch_options& into, std::string_view text) {
  if (text.empty()) throw std::invalid_argument("the value is empty; leave the option out, or give one");
  into.*Member = text;
}

constexpr std::array rows{
    output_option{"-f,--fail", "", "Write no page whose status is 400 or above", set_flag<&fetch_options::fail>},
    output_option{"--fail-with-body", "", "Write it nonetheless, which is the default",
                  set_flag<&fetch_options::fail, false>},
    output_option{"--include", "", "Write the header before the page", set_flag<&fetch_options::include>},
    output_option{"-O,--remote-name", "", "One URL: write the page to a file of the name that the URL ends with",
                  set_flag<&fetch_options::remote_name>},
    output_option{"-J,--remote-header-name", "",
                  "With -O: of the name that the server gives; a file of that name stays, and a number is added",
                  set_flag<&fetch_options::remote_header_name>},
    output_option{"--output-dir", "DIR", "Directory for -o and -O", set_text<&fetch_options::output_directory>},
    output_option{"--create-dirs", "", "Make the directories of the file if they are not there",
                  set_flag<&fetch_options::create_directories>},
    output_option{"-D,--dump-header", "FILE", "Write the headers of all responses to this file; - is standard output",
                  set_text<&fetch_options::header_file>},
    output_option{"-w,--write-out", "FORMAT",
                  "Print this of each URL: text with %{variable}, as curl has them: http_code, time_total, json, ...; "
                  "@FILE reads it from a file",
                  set_text<&fetch_options::write_out>},
    output_option{"--har", "FILE",
                  "Write the exchanges to this file as an HTTP archive (HAR 1.2), for a browser's tools",
                  set_text<&fetch_options::archive>},
    output_option{"-v,--verbose", "", "Show each request (>) and response (<) with what it took, on standard error",
                  set_flag<&fetch_options::verbose>},
};

}  // namespace

std::span<const output_option> output_option_table() {
  return rows;
}

}  // namespace fanout::cli
