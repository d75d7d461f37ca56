#pragma once

#include <fanout/fetch/record_file.hpp>
#include <fanout/fetch/record_text.hpp>
#include <fanout/fetch/warc_encoder.hpp>

#include "fetch/records/record_scan.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

/// \file
/// Records for tests, in each format.
namespace fanout_test {

inline constexpr fanout::fetch::record_format all_formats[] = {
    fanout::fetch::record_format::lines, fanout::fetch::record_format::gzip_lines,
    fanout::fetch::record_format::zstd_lines, fanout::fetch::record_format::warc,
    fanout::fetch::record_format::warc_gzip};

inline std::string extension_of(fanout::fetch::record_format format) {
  const char* const ends[] = {".jsonl", ".jsonl.gz", ".jsonl.zst", ".warc", ".warc.gz"};
  return ends[static_cast<int>(format)];
}

/// For the name of a test.
inline std::string format_name(const ::testing::TestParamInfo<fanout::fetch::record_format>& of) {
  const char* const names[] = {"lines", "gzip", "zstd", "warc", "warc_gzip"};
  return names[static_cast<int>(of.param)];
}

/// One record of this index, and a unit of its own.
inline void add_record(fanout::fetch::record_file& to, std::uint64_t index, bool failed = false) {
  to.add({index, failed}, [&](std::string& text) {
    using namespace fanout::fetch;
    if (is_warc(to.format())) {
      warc_encoder encoder({.gzip = to.format() == record_format::warc_gzip});
      warc_fields fields{{"fanoutIndex", std::to_string(index)}};
      if (failed) fields.emplace_back("fanoutError", "connect: refused");
      const auto now = std::chrono::system_clock::now();
      if (failed) return encoder.append_metadata(text, "http://a/", fields, now);
      const std::string body = "page " + std::to_string(index);
      encoder.append(text, {.url = "http://a/", .date = now, .payload = body, .metadata = &fields});
      return;
    }
    request asked;
    asked.url = R"(http://a/"error":{)";  // a text may say what a record says
    record result;
    result.status = 200;
    if (failed) result.error = fanout::failure_kind::connect;
    append_json(text, index, asked, result);
  });
  to.flush();
}

/// How often each index is in a file, and whether it failed there.
inline std::map<std::uint64_t, std::vector<bool>> records_in(const std::string& path,
                                                             fanout::fetch::record_format format) {
  std::map<std::uint64_t, std::vector<bool>> all;
  fanout::fetch::scan_records(path, format, 0,
                              [&all](fanout::fetch::record_mark each) { all[each.index].push_back(each.failed); });
  return all;
}

}  // namespace fanout_test
