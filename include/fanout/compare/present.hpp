#pragma once

#include <string>
#include <string_view>

/// \file
/// Reports for people and for spreadsheets. All of these take the JSON of `to_json`, today's or an older one, and throw
/// `std::invalid_argument` that says what is wrong where it is something else.
///
///     write("report.html", fanout::report_page(fanout::to_json(all), {}));
namespace fanout {

/// What a page says besides its report. All of it may be empty.
struct page_details {
  std::string command = {};      ///< what makes such a report again
  std::string made = {};         ///< when it was made, for people to read
  std::string before = {};       ///< an older report, to be shown beside this one: JSON, or a page that holds it
  std::string before_name = {};  ///< what to call it
};

/// One self-contained page: figures, tables and the report itself. It needs no network, and shows what servers sent as
/// text, whatever it is.
std::string report_page(std::string_view report, const page_details& with);

/// The same page for a bulk fetch, {"job": {...}} as `fanout job report` makes it: rates and requests in flight over
/// time, and failures. Of `with` the command and the date are shown.
std::string job_page(std::string_view job, const page_details& with);

/// One line for each row, after a line of names; RFC 4180. Text that a spreadsheet would take for a formula is quoted
/// with an apostrophe.
std::string to_csv(std::string_view report);

/// The report in `text`, which is its JSON, or a page made of it: always the JSON.
std::string report_in(std::string_view text);

}  // namespace fanout
