#include "fetch/sources/request_line.hpp"

#include <fanout/fetch/record_text.hpp>

#include "check.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <string>

/// \file
/// One line of a list, and the records of what it asks for: each is a line of valid JSON, and of printable text.
namespace {

using namespace fanout;
using fuzz::check;

void check_records(const fetch::request& asked, const fetch::record& result) {
  std::string line;
  fetch::append_json(line, 7, asked, result, asked.id);
  check(line.ends_with('\n') && line.find('\n') == line.size() - 1, "a record is one line");
  boost::system::error_code failed;
  const auto parsed = boost::json::parse(line, failed);
  check(!failed && parsed.is_object(), "a record is a JSON object");
  const auto& object = parsed.get_object();
  check(object.at("index") == 7 && object.at("url").is_string(), "it says what was asked");
  check(object.at("error").is_object() == result.error.has_value(), "and whether it failed");
  check(object.contains("id") != asked.id.empty(), "and the caller's name for it");

  std::string shown;
  fetch::append_readable(shown, asked, result);
  check(shown.ends_with('\n'), "a shown record is a line");
  shown.pop_back();
  check(std::none_of(shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }),
        "which cannot drive a terminal");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::text_of(data, size);
  const auto asked = fetch::request_of_line(input, true);
  check(asked.problem.empty() || !asked.url.empty(), "a problem names its line");

  fetch::record lost;
  lost.error = failure_kind::invalid_request;
  lost.message = asked.problem.empty() ? asked.body : asked.problem;
  check_records(asked, lost);

  fetch::record answered;
  answered.status = 200;
  answered.bytes = input.size();
  answered.elapsed_ns = static_cast<std::int64_t>(input.size()) * 1'000;
  answered.final_url = asked.url;
  answered.headers = asked.headers;
  answered.headers.emplace_back("x-input", input);
  answered.body = input;
  check_records(asked, answered);
  return 0;
}
