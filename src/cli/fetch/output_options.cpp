// One row for each option of what `fanout fetch` and `fanout curl` write.

#include <fanout/fetch/units.hpp>

#include "cli/fetch/fetch_options.hpp"

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
    output_option{"-f,--fail", "", "Do not write pages with status 400 or above", set_flag<&fetch_options::fail>},
    output_option{"--fail-with-body", "", "Write such pages, too, which is the default",
                  set_flag<&fetch_options::fail, false>},
    output_option{"--include", "", "Write the response's header before the page", set_flag<&fetch_options::include>},
    output_option{
        "-O,--remote-name,--remote-name-all", "",
        "Write each page to a file with the last part of its URL as its name. Of several URLs, a name that is "
        "taken gets the number of the URL at its end, and the records name the files",
        set_flag<&fetch_options::remote_name>},
    output_option{
        "-J,--remote-header-name", "",
        "With -O, use the file name that the server gives, if it gives one. An existing file is kept, and a number "
        "is added",
        set_flag<&fetch_options::remote_header_name>},
    output_option{"--output-dir", "DIR", "Put the files of -o (with one URL) and -O into this directory",
                  set_text<&fetch_options::output_directory>},
    output_option{"--create-dirs", "", "Create missing directories of the file",
                  set_flag<&fetch_options::create_directories>},
    output_option{"--no-clobber", "",
                  "Keep an existing file of -o FILE or -O, and add a number to the name of the new one",
                  set_flag<&fetch_options::no_clobber>},
    output_option{"--remove-on-error", "", "Remove what was written of a page that fails, instead of keeping FILE.part",
                  set_flag<&fetch_options::remove_on_error>},
    output_option{"-D,--dump-header", "FILE", "Write the headers of all responses to this file; - is standard output",
                  set_text<&fetch_options::header_file>},
    output_option{"-w,--write-out", "FORMAT",
                  "Print this text after each URL, with curl's variables: %{http_code}, %{time_total}, %{json}, ...; "
                  "@FILE reads a file",
                  set_text<&fetch_options::write_out>},
    output_option{"--har", "FILE",
                  "Write all requests and responses to this file as an HTTP archive (HAR 1.2), for a browser's tools",
                  set_text<&fetch_options::archive>},
    output_option{"--stderr", "FILE", "Write messages, and what -v shows, to this file; - is standard output",
                  set_text<&fetch_options::error_file>},
    output_option{"-v,--verbose", "", "Show each request (>) and response (<), with timings, on standard error",
                  set_flag<&fetch_options::verbose>},
};

}  // namespace

std::span<const output_option> output_option_table() {
  return rows;
}

}  // namespace fanout::cli
