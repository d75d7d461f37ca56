#include <fanout/core/shape.hpp>
#include <fanout/fetch/job.hpp>
#include <fanout/fetch/record_sinks.hpp>
#include <fanout/http/client_options.hpp>
#include <fanout/origin/background.hpp>

#include "fetch/encoding/warc_reader.hpp"
#include "fetch/records/record_support.hpp"
#include "support/leaks.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace {

using namespace fanout::fetch;
using fanout_test::read_file;
using fanout_test::records_in;
using fanout_test::temporary_directory;
using fanout_test::warc_record;
using ::testing::HasSubstr;

class record_sinks : public fanout::test::leak_checked {
 protected:
  job_report run(sink& into, const std::vector<std::string>& urls, bool decode = true,
                 fanout::http::http_versions versions = fanout::http::http_versions::http_2) {
    job pages;
    pages.settings.http_versions = static_cast<std::uint8_t>(versions);
    pages.how.shape = fanout::async(3);
    pages.settings.decode_content = decode;
    pages.settings.keep_timings = true;
    pages.sinks = {&into};
    return pages.run(urls);
  }
  fanout::origin::background origin_;
  temporary_directory directory_;
};

TEST_F(record_sinks, what_is_done_is_not_fetched_again) {
  const std::string path = directory_ / "records.jsonl.gz";
  std::vector<std::string> urls;
  for (int i = 0; i < 20; ++i) urls.push_back(origin_.url("/bytes/" + std::to_string(i)));
  {
    record_file before(path, record_format_of(path), {});
    for (std::uint64_t i = 5; i < 15; ++i) fanout_test::add_record(before, i);
    before.keep();
  }
  record_lines sink(path, {});
  EXPECT_TRUE(sink.resumed());
  const auto done = run(sink, urls);
  EXPECT_EQ(done.done_before, 10u);
  EXPECT_EQ(done.cost.tasks, 10u);
  const auto all = records_in(path, record_format::gzip_lines);
  EXPECT_EQ(all.size(), 20u);
  for (const auto& [index, times] : all) EXPECT_EQ(times.size(), 1u) << index;
}

std::vector<warc_record> archive_in(const std::string& path) {
  std::vector<warc_record> all;
  for (const std::string& each : fanout_test::gzip_parts(read_file(path)))
    all.push_back(fanout_test::read_warc_record(each));
  return all;
}

const warc_record* of_type(const std::vector<warc_record>& all, const std::string& type, const std::string& uri) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const warc_record& each) {
    return each.at("WARC-Type") == type && each.at("WARC-Target-URI") == uri;
  });
  return found == all.end() ? nullptr : &*found;
}

TEST_F(record_sinks, an_archive_says_what_came_over_http_2) {
  const std::string path = directory_ / "pages.warc.gz";
  const std::string url = origin_.url("/bytes/5");
  warc_output sink(path, {});
  run(sink, {url}, true, fanout::http::http_versions::http_2_prior_knowledge);
  const auto all = archive_in(path);
  for (const char* const type : {"response", "request"}) {
    const auto* const one = of_type(all, type, url);
    ASSERT_TRUE(one) << type;
    EXPECT_EQ(one->at("WARC-Protocol"), "h2") << type;
  }
  EXPECT_TRUE(of_type(all, "response", url)->http_head().starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(of_type(all, "request", url)->block.starts_with("GET /bytes/5 HTTP/1.1\r\n"));
}

TEST_F(record_sinks, an_archive_says_what_came_over_tls) {
  const fanout::origin::background secure({.tls = true});
  const std::string path = directory_ / "pages.warc";
  warc_output sink(path, {});
  job pages;
  pages.settings.verify_tls = false;
  pages.sinks = {&sink};
  EXPECT_EQ(pages.run(std::vector{secure.url("/bytes/5")}).counts.failed, 0u);
  const std::string text = read_file(path);
  EXPECT_THAT(text, HasSubstr("WARC-Protocol: h2\r\nWARC-Protocol: tls/1.3\r\n"));

  record_lines lines(directory_ / "pages.jsonl", {});
  pages.sinks = {&lines};
  pages.run(std::vector{secure.url("/bytes/5"), origin_.url("/bytes/5")});
  const std::string records = read_file(directory_ / "pages.jsonl");
  EXPECT_THAT(records, HasSubstr(R"("http_version":"2","tls":"1.3",)"));
  EXPECT_THAT(records, HasSubstr(R"("http_version":"1.1","error")"));
}

TEST_F(record_sinks, an_archive_of_all_kinds_of_pages) {
  const std::string path = directory_ / "pages.warc.gz";
  const std::vector<std::string> urls{origin_.url("/bytes/5"), origin_.url("/status/204"), origin_.url("/status/404"),
                                      origin_.url("/garbage"), origin_.url("/redirect/1")};
  warc_output sink(path, {});
  const auto done = run(sink, urls);
  EXPECT_EQ(done.cost.tasks, 5u);
  const auto all = archive_in(path);
  EXPECT_EQ(all.front().at("WARC-Type"), "warcinfo");
  for (const warc_record& each : all) {
    // Read by another reader, digests computed anew: that of the block is the encoder's own test.
    EXPECT_EQ(each.at("WARC-Target-URI").find('<'), std::string::npos);
  }
  const auto* page = of_type(all, "response", urls[0]);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->payload(), "ABCDE");
  EXPECT_EQ(page->at("WARC-Payload-Digest"), warc_encoder::payload_digest("ABCDE"));
  EXPECT_EQ(page->at("WARC-IP-Address"), "127.0.0.1");
  EXPECT_THAT(page->http_head(), HasSubstr("HTTP/1.1 200"));
  const auto* asked = of_type(all, "request", urls[0]);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->at("WARC-Concurrent-To"), page->at("WARC-Record-ID"));
  EXPECT_THAT(asked->block, HasSubstr("GET /bytes/5 HTTP/1.1\r\n"));
  ASSERT_TRUE(of_type(all, "response", urls[1]));
  EXPECT_EQ(of_type(all, "response", urls[1])->payload(), "");
  EXPECT_THAT(of_type(all, "metadata", urls[2])->block, HasSubstr("fanoutError: status: 404"));
  EXPECT_EQ(of_type(all, "response", urls[2])->payload(), "status 404\n");
  EXPECT_FALSE(of_type(all, "response", urls[3]));
  EXPECT_THAT(of_type(all, "metadata", urls[3])->block, HasSubstr("fanoutError: "));
  const auto marks = records_in(path, record_format::warc_gzip);
  EXPECT_EQ(marks.size(), 5u);
  const bool names_first = std::any_of(all.begin(), all.end(), [&](const warc_record& each) {
    return each.block.find("fanoutUrl: " + urls[4]) != std::string::npos;
  });
  EXPECT_TRUE(names_first);
}

}  // namespace
