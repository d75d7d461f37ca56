// What a job writes into a web archive, read again by a reader that computes every digest anew.

#include <fanout/core/shape.hpp>
#include <fanout/fetch/job.hpp>
#include <fanout/fetch/output_error.hpp>
#include <fanout/fetch/record_sinks.hpp>
#include <fanout/http/client_options.hpp>
#include <fanout/origin/background.hpp>
#include <fanout/origin/content.hpp>

#include "fetch/encoding/warc_reader.hpp"
#include "fetch/packing.hpp"
#include "fetch/records/record_support.hpp"
#include "http/scripted_server.hpp"
#include "support/leaks.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>

namespace {

using namespace fanout::fetch;
using fanout_test::peer;
using fanout_test::read_archive;
using fanout_test::read_file;
using fanout_test::scripted_server;
using fanout_test::temporary_directory;
using fanout_test::warc_record;
using ::testing::HasSubstr;
using ::testing::Not;

class archive : public fanout::test::leak_checked {
 protected:
  std::vector<warc_record> of(const std::vector<std::string>& urls, settings how = {}, std::uint32_t tasks = 1) {
    std::vector<request> all;
    for (const std::string& each : urls) all.emplace_back().url = each;
    return of(std::move(all), std::move(how), tasks);
  }
  std::vector<warc_record> of(std::vector<request> all, settings how = {}, std::uint32_t tasks = 1) {
    const std::string path = directory_ / "pages.warc.gz";
    warc_output sink(path, {});
    job pages;
    pages.settings = std::move(how);
    pages.how.shape = fanout::async(tasks);
    pages.sinks = {&sink};
    pages.run(std::move(all));
    return read_archive(read_file(path));
  }

  fanout::origin::background origin_;
  temporary_directory directory_;
};

std::vector<warc_record> of_type(const std::vector<warc_record>& all, const std::string& type) {
  std::vector<warc_record> found;
  std::copy_if(all.begin(), all.end(), std::back_inserter(found),
               [&](const warc_record& each) { return each.at("WARC-Type") == type; });
  return found;
}

/// A server that sends each of these answers once, on a connection of its own.
scripted_server::script one_after_another(std::vector<std::string> answers) {
  return [answers](peer& client, int number) {
    if (client.read_request().empty()) return;
    client.send(answers.at(static_cast<std::size_t>(number) % answers.size()));
  };
}

std::string closed(const std::string& head, const std::string& body = {}) {
  return "HTTP/1.1 " + head + "\r\nConnection: close\r\n\r\n" + body;
}

TEST_F(archive, one_payload_has_one_digest_however_it_is_cut_into_chunks) {
  const auto all = of({origin_.url("/chunked/1000?chunk=1000"), origin_.url("/chunked/1000?chunk=7"),
                       origin_.url("/chunked/1000?chunk=999"), origin_.url("/bytes/1000")});
  const auto responses = of_type(all, "response");
  ASSERT_EQ(responses.size(), 1u);
  EXPECT_EQ(responses[0].payload(), fanout::origin::content(0, 1000));
  EXPECT_THAT(responses[0].http_head(), HasSubstr("X-Archive-Orig-"));
  const auto repeats = of_type(all, "revisit");
  ASSERT_EQ(repeats.size(), 3u);
  for (const auto& each : repeats) {
    EXPECT_EQ(each.at("WARC-Payload-Digest"), fanout_test::sha1_of(fanout::origin::content(0, 1000)));
    EXPECT_EQ(each.at("WARC-Refers-To"), responses[0].at("WARC-Record-ID"));
    EXPECT_EQ(each.at("WARC-Refers-To-Target-URI"), responses[0].at("WARC-Target-URI"));
    EXPECT_EQ(each.at("WARC-Refers-To-Date"), responses[0].at("WARC-Date"));
    EXPECT_EQ(each.at("WARC-Profile"), "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest");
    EXPECT_EQ(each.payload(), "");
  }
  EXPECT_EQ(of_type(all, "request").size(), 4u);
  EXPECT_EQ(of_type(all, "metadata").size(), 4u);
}

TEST_F(archive, a_coded_payload_is_stored_as_it_came) {
  const std::string packed = fanout_test::gzip("what a page says");
  const std::string coded =
      closed("200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " + std::to_string(packed.size()), packed);
  const std::string both = closed("200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked",
                                  fanout_test::chunk(packed) + "0\r\n\r\n");
  for (const std::string& answer : {coded, both}) {
    scripted_server server(one_after_another({answer}));
    const auto all = of({server.url("/")});
    const auto responses = of_type(all, "response");
    ASSERT_EQ(responses.size(), 1u);
    EXPECT_EQ(responses[0].payload(), packed);
    EXPECT_EQ(responses[0].at("WARC-Payload-Digest"), fanout_test::sha1_of(packed));
    EXPECT_THAT(responses[0].http_head(), HasSubstr("\r\nContent-Encoding: gzip\r\n"));
    EXPECT_THAT(of_type(all, "request").at(0).block, HasSubstr("Accept-Encoding: gzip"));
    std::filesystem::remove_all(directory_ / "pages.warc.gz");
  }
}

TEST_F(archive, what_has_no_payload) {
  request head;
  head.url = origin_.url("/bytes/100");
  head.method = "HEAD";
  request none;
  none.url = origin_.url("/status/204");
  request same;
  same.url = origin_.url("/status/304");
  const auto all = of({head, none, same});
  const auto responses = of_type(all, "response");
  ASSERT_EQ(responses.size(), 2u);
  for (const auto& each : responses) {
    EXPECT_EQ(each.payload(), "");
    EXPECT_EQ(each.at("WARC-Payload-Digest"), "");
    EXPECT_EQ(each.at("WARC-Truncated"), "");
  }
  EXPECT_THAT(responses[0].http_head(), HasSubstr("ontent-length: 100\r\n"));
  const auto same_again = of_type(all, "revisit");
  ASSERT_EQ(same_again.size(), 1u);
  EXPECT_EQ(same_again[0].at("WARC-Profile"), "http://netpreserve.org/warc/1.1/revisit/server-not-modified");
  EXPECT_THAT(same_again[0].http_head(), HasSubstr("HTTP/1.1 304"));
}

TEST_F(archive, a_body_that_was_cut_has_what_came_and_says_why) {
  settings how;
  how.max_body_bytes = 5'000;
  how.idle_timeout_ms = 200;
  const auto all = of({origin_.url("/truncate?bytes=100&length=200"), origin_.url("/drip?bytes=20&ms=60000"),
                       origin_.url("/chunked/9000?chunk=1000"), origin_.url("/truncate?bytes=100&length=300")},
                      how);
  const auto responses = of_type(all, "response");
  ASSERT_EQ(responses.size(), 4u);  // not even the last is a revisit: its payload may be another one's beginning
  EXPECT_EQ(responses[0].at("WARC-Truncated"), "disconnect");
  EXPECT_EQ(responses[0].payload(), fanout::origin::content(0, 100));
  EXPECT_EQ(responses[1].at("WARC-Truncated"), "time");
  EXPECT_LT(responses[1].payload().size(), 20u);
  EXPECT_EQ(responses[2].at("WARC-Truncated"), "length");
  EXPECT_TRUE(fanout::origin::content(0, 9000).starts_with(responses[2].payload()));
  EXPECT_GT(responses[2].payload().size(), 0u);
  EXPECT_EQ(responses[3].at("WARC-Truncated"), "disconnect");
  for (const auto& each : of_type(all, "metadata")) EXPECT_THAT(each.block, HasSubstr("fanoutError: "));
}

// Each waits in a file, and goes into the archive from there.
TEST_F(archive, large_bodies) {
  for (const std::uint8_t version : {10, 20}) {
    SCOPED_TRACE(version);
    settings how;
    if (version == 20)
      how.http_versions = static_cast<std::uint8_t>(fanout::http::http_versions::http_2_prior_knowledge);
    how.idle_timeout_ms = 10'000;
    const auto all = of({origin_.url("/bytes/3000000"), origin_.url("/bytes/64000"), origin_.url("/bytes/65537"),
                         origin_.url("/bytes/3000000?again"), origin_.url("/truncate?bytes=500000&length=600000")},
                        how, 3);
    const auto responses = of_type(all, "response");
    ASSERT_EQ(responses.size(), 4u);
    std::set<std::string> payloads;
    for (const auto& each : responses) payloads.insert(each.payload());
    for (const std::uint64_t size : {3'000'000, 64'000, 65'537, 500'000})
      EXPECT_TRUE(payloads.contains(fanout::origin::content(0, size))) << size;
    const auto cut = std::find_if(responses.begin(), responses.end(),
                                  [](const auto& each) { return !each.at("WARC-Truncated").empty(); });
    ASSERT_NE(cut, responses.end());
    EXPECT_EQ(cut->at("WARC-Truncated"), "disconnect");
    EXPECT_EQ(cut->payload().size(), 500'000u);
    const auto repeats = of_type(all, "revisit");
    ASSERT_EQ(repeats.size(), 1u);
    EXPECT_EQ(repeats[0].at("WARC-Payload-Digest"), fanout_test::sha1_of(fanout::origin::content(0, 3'000'000)));
    EXPECT_EQ(of_type(all, "metadata").size(), 5u);
    EXPECT_FALSE(std::filesystem::exists(directory_ / "pages.warc.gz.bodies"));
    std::filesystem::remove_all(directory_ / "pages.warc.gz");
  }
}

TEST_F(archive, a_large_body_under_each_shape_and_in_a_plain_file) {
  for (const char* const name : {"pages.warc", "pages.warc.gz"}) {
    for (const fanout::shape& shape : {fanout::sync(), fanout::threads(2), fanout::hybrid(2)}) {
      const std::string path = directory_ / name;
      warc_output sink(path, {});
      job pages;
      pages.how.shape = shape;
      pages.sinks = {&sink};
      pages.run(std::vector{origin_.url("/bytes/200000"), origin_.url("/bytes/7")});
      const auto marks = fanout_test::records_in(path, record_format_of(path));
      EXPECT_EQ(marks.size(), 2u);
      if (path.ends_with(".gz")) {
        const auto responses = of_type(read_archive(read_file(path)), "response");
        ASSERT_EQ(responses.size(), 2u);
        const bool large_first = responses[0].payload().size() > responses[1].payload().size();
        EXPECT_EQ(responses[large_first ? 0 : 1].payload(), fanout::origin::content(0, 200'000));
      } else {
        EXPECT_THAT(read_file(path), HasSubstr("\r\n\r\n" + fanout::origin::content(0, 200'000) + "\r\n\r\n"));
      }
      std::filesystem::remove_all(path);
    }
  }
}

TEST_F(archive, what_a_run_that_was_killed_left_of_bodies_is_removed) {
  const auto left = std::filesystem::path(directory_ / "pages.warc.gz.bodies");
  std::filesystem::create_directory(left);
  std::ofstream(left / "00000000") << "of an earlier run";
  const auto all = of({origin_.url("/bytes/100000")});
  EXPECT_EQ(of_type(all, "response").at(0).payload(), fanout::origin::content(0, 100'000));
  EXPECT_FALSE(std::filesystem::exists(left));
}

TEST_F(archive, a_body_that_is_not_the_one_expected_is_not_stored) {
  for (const char* const path : {"/bytes/100", "/bytes/100000"}) {
    settings how;
    how.verify_digests = true;
    request asked;
    asked.url = origin_.url(path);
    asked.sha256 = std::string(64, 'a');
    const auto all = of(std::vector{asked}, how);
    const auto responses = of_type(all, "response");
    ASSERT_EQ(responses.size(), 1u) << path;
    EXPECT_EQ(responses[0].payload(), "") << path;
    EXPECT_EQ(responses[0].at("WARC-Truncated"), "unspecified") << path;
    EXPECT_THAT(of_type(all, "metadata").at(0).block, HasSubstr("fanoutError: digest_mismatch")) << path;
    EXPECT_FALSE(std::filesystem::exists(directory_ / "pages.warc.gz.bodies"));
    std::filesystem::remove_all(directory_ / "pages.warc.gz");
  }
}

TEST_F(archive, a_redirect_to_a_large_body_has_its_own) {
  const auto responses = of_type(of({origin_.url("/redirect/1")}), "response");
  ASSERT_EQ(responses.size(), 2u);
  EXPECT_EQ(responses[0].payload(), "1 redirects to go\n");
  scripted_server server([](peer& client, int) {
    if (client.read_request().empty()) return;
    client.send("HTTP/1.1 302 Found\r\nLocation: /b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nsee\r\n0\r\n\r\n");
    if (client.read_request().empty()) return;
    client.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + std::string(300'000, 'b'));
  });
  std::filesystem::remove_all(directory_ / "pages.warc.gz");
  const auto all = of_type(of({server.url("/a")}), "response");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].payload(), "see");
  EXPECT_EQ(all[0].at("WARC-Truncated"), "");
  EXPECT_EQ(all[1].payload(), std::string(300'000, 'b'));
}

TEST_F(archive, a_cut_body_that_is_read_slowly) {
  settings how;
  how.limit_rate = 1 << 20;
  const auto responses = of_type(of({origin_.url("/truncate?bytes=100&length=200")}, how), "response");
  ASSERT_EQ(responses.size(), 1u);
  EXPECT_EQ(responses[0].at("WARC-Truncated"), "disconnect");
  EXPECT_EQ(responses[0].payload(), fanout::origin::content(0, 100));
}

TEST_F(archive, over_http_2_as_over_1_1) {
  settings how;
  how.http_versions = static_cast<std::uint8_t>(fanout::http::http_versions::http_2_prior_knowledge);
  const auto all = of({origin_.url("/redirect/1"), origin_.url("/truncate?bytes=100&length=200")}, how);
  const auto responses = of_type(all, "response");
  ASSERT_EQ(responses.size(), 3u);
  EXPECT_EQ(responses[0].payload(), "1 redirects to go\n");
  EXPECT_EQ(responses[2].at("WARC-Truncated"), "disconnect");
  for (const auto& each : responses) EXPECT_EQ(each.at("WARC-Protocol"), "h2");
}

TEST_F(archive, each_hop_of_a_redirect_is_an_exchange) {
  const auto all = of({origin_.url("/redirect/2")});
  const auto responses = of_type(all, "response");
  const auto requests = of_type(all, "request");
  ASSERT_EQ(responses.size(), 3u);
  ASSERT_EQ(requests.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string path = "/redirect/" + std::to_string(2 - i);
    EXPECT_EQ(responses[i].at("WARC-Target-URI"), origin_.url(path));
    EXPECT_EQ(requests[i].at("WARC-Target-URI"), origin_.url(path));
    EXPECT_EQ(requests[i].at("WARC-Concurrent-To"), responses[i].at("WARC-Record-ID"));
    EXPECT_THAT(requests[i].block, HasSubstr("GET " + path + " HTTP/1.1\r\n"));
    EXPECT_EQ(responses[i].at("WARC-IP-Address"), "127.0.0.1");
    EXPECT_EQ(responses[i].at("WARC-Truncated"), "");
  }
  EXPECT_EQ(responses[0].payload(), "2 redirects to go\n");
  EXPECT_EQ(responses[2].payload(), "the end of the redirects\n");
  const auto metadata = of_type(all, "metadata");
  ASSERT_EQ(metadata.size(), 1u);
  EXPECT_THAT(metadata[0].block, HasSubstr("fanoutUrl: " + origin_.url("/redirect/2")));
}

TEST_F(archive, redirects_that_lead_nowhere) {
  settings how;
  how.max_redirects = 1;
  const auto all = of({origin_.url("/redirect/5")}, how);
  EXPECT_EQ(of_type(all, "response").size(), 2u);
  ASSERT_EQ(of_type(all, "metadata").size(), 1u);
  EXPECT_THAT(of_type(all, "metadata")[0].block, HasSubstr("fanoutError: "));
  std::filesystem::remove_all(directory_ / "pages.warc.gz");
  // The body of a redirect on a connection that ends is not waited for.
  scripted_server server(
      one_after_another({closed("302 Found\r\nLocation: /b\r\nContent-Length: 1000", "the beginning"),
                         closed("200 OK\r\nContent-Length: 1", "x")}));
  const auto cut = of_type(of({server.url("/a")}), "response");
  ASSERT_EQ(cut.size(), 2u);
  EXPECT_EQ(cut[0].at("WARC-Truncated"), "unspecified");
  EXPECT_EQ(cut[1].payload(), "x");
}

TEST_F(archive, a_failed_page_is_no_original) {
  // --retry-failed takes the first out.
  const auto all = of({origin_.url("/status/404"), origin_.url("/status/404")});
  EXPECT_EQ(of_type(all, "response").size(), 2u);
  EXPECT_EQ(of_type(all, "revisit").size(), 0u);
}

TEST_F(archive, from_worker_processes_too) {
  const std::string path = directory_ / "pages.warc.gz";
  warc_output sink(path, {});
  job pages;
  pages.how.shape = fanout::processes(1);
  pages.sinks = {&sink};
  pages.run(std::vector{origin_.url("/redirect/1"), origin_.url("/truncate?bytes=100&length=200")});
  const auto responses = of_type(read_archive(read_file(path)), "response");
  EXPECT_EQ(responses.size(), 3u);
}

TEST_F(archive, another_sink_that_wants_bodies_gets_them_decoded) {
  const std::string packed = fanout_test::gzip("what a page says");
  scripted_server server(one_after_another(
      {closed("200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " + std::to_string(packed.size()), packed)}));
  warc_output sink(directory_ / "pages.warc.gz", {});
  std::string body;
  record_callback look([&](finished& each, writer&) { body = each.result.body.value_or(""); }, {.body = true});
  job pages;
  pages.how.shape = fanout::async(1);
  pages.sinks = {&sink, &look};
  pages.run(std::vector{server.url("/")});
  EXPECT_EQ(body, "what a page says");
  const auto responses = of_type(read_archive(read_file(directory_ / "pages.warc.gz")), "response");
  ASSERT_EQ(responses.size(), 1u);
  EXPECT_EQ(responses[0].payload(), "what a page says");
  EXPECT_THAT(responses[0].http_head(), HasSubstr("X-Archive-Orig-Content-Encoding: gzip"));
}

TEST_F(archive, ids_are_unique_across_runs_that_go_on) {
  const std::string path = directory_ / "pages.warc.gz";
  std::vector<std::string> urls;
  for (int i = 0; i < 30; ++i) urls.push_back(origin_.url("/bytes/" + std::to_string(i)));
  for (std::size_t stop : {10u, 20u, 30u}) {
    warc_output sink(path, {});
    job pages;
    pages.how.shape = fanout::async(1);
    pages.sinks = {&sink};
    std::size_t seen = 0;
    std::stop_source stopping;
    record_callback count([&](finished&, writer&) {
      if (++seen == 10 && stop < 30) stopping.request_stop();
    });
    pages.sinks.push_back(&count);
    pages.how.stop = stopping.get_token();
    pages.run(urls);
  }
  const auto all = read_archive(read_file(path));  // which throws where an id is there twice
  EXPECT_EQ(of_type(all, "response").size(), 30u);
  EXPECT_EQ(of_type(all, "metadata").size(), 30u);
}

TEST_F(archive, payloads_that_an_earlier_run_of_the_job_stored_are_not_stored_again) {
  const std::string path = directory_ / "pages.warc.gz";
  const std::vector<std::string> urls{origin_.url("/bytes/500"), origin_.url("/bytes/600"), origin_.url("/chunked/500"),
                                      origin_.url("/chunked/600")};
  for (const bool whole : {false, true}) {
    warc_output sink(path, {});
    record_callback stops([&](finished& each, writer&) {
      if (each.index == 1 && !whole) throw output_error("stopped");  // as a run that ends in the middle
    });
    job pages;
    pages.how.shape = fanout::async(1);
    pages.sinks = {&sink, &stops};
    if (whole)
      pages.run(urls);
    else
      EXPECT_THROW(pages.run(urls), output_error);
  }
  const auto all = read_archive(read_file(path));
  const auto responses = of_type(all, "response");
  ASSERT_EQ(responses.size(), 2u);
  const auto repeats = of_type(all, "revisit");
  ASSERT_EQ(repeats.size(), 2u);
  EXPECT_EQ(repeats[0].at("WARC-Refers-To"), responses[0].at("WARC-Record-ID"));
  EXPECT_EQ(repeats[0].at("WARC-Refers-To-Date"), responses[0].at("WARC-Date"));
  EXPECT_EQ(repeats[1].at("WARC-Refers-To"), responses[1].at("WARC-Record-ID"));
}

class request_list final : public request_input {
 public:
  explicit request_list(std::vector<request> all) : all_(std::move(all)) {}
  std::optional<request> next() override {
    if (at_ == all_.size()) return std::nullopt;
    return all_[at_++];
  }

 private:
  std::vector<request> all_;
  std::size_t at_ = 0;
};

TEST_F(archive, a_page_that_has_not_changed_refers_to_the_record_that_has_it) {
  // Twice the same, then a page without a validator.
  scripted_server server([](peer& client, int) {
    const std::string asked = client.read_request();
    if (asked.empty()) return;
    const bool known = asked.find("\"v1\"") != std::string::npos;
    client.send(known ? closed("304 Not Modified\r\nETag: \"v1\"")
                      : closed("200 OK\r\nETag: \"v1\"\r\nContent-Length: 4", "page"));
  });
  std::vector<warc_record> first;
  std::string before;
  for (int i = 0; i < 3; ++i) {
    const std::string path = directory_ / (std::to_string(i) + ".warc.gz");
    std::optional<validators> known;
    if (!before.empty()) known.emplace(before);
    warc_output sink(path, {}, known ? &*known : nullptr);
    std::vector<request> asked(2);
    asked[0].url = server.url("/");
    asked[1].url = server.url("/other");
    asked[1].headers = {{"If-None-Match", i == 0 ? "\"v0\"" : "W/\"v1\""}};  // the caller's own
    job pages;
    pages.how.shape = fanout::async(1);
    pages.sinks = {&sink};
    request_list source(std::move(asked));
    if (known) {
      conditional_input with(source, *known);
      pages.run(with);
    } else {
      pages.run(source);
    }
    const auto all = read_archive(read_file(path), true);
    if (i == 0) {
      first = of_type(all, "response");
      ASSERT_EQ(first.size(), 1u);  // the other one is a repeat
    } else {
      const auto same = of_type(all, "revisit");
      ASSERT_EQ(same.size(), 2u);
      EXPECT_EQ(same[0].at("WARC-Profile"), "http://netpreserve.org/warc/1.1/revisit/server-not-modified");
      EXPECT_EQ(same[0].at("WARC-Refers-To"), first[0].at("WARC-Record-ID"));
      EXPECT_EQ(same[0].at("WARC-Refers-To-Target-URI"), server.url("/"));
      EXPECT_EQ(same[0].at("WARC-Refers-To-Date"), first[0].at("WARC-Date"));
      EXPECT_EQ(same[0].at("WARC-Payload-Digest"), first[0].at("WARC-Payload-Digest"));
    }
    before = path;
  }
}

}  // namespace
