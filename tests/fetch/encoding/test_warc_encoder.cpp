#include <fanout/fetch/output_error.hpp>
#include <fanout/fetch/warc_encoder.hpp>

#include "fetch/encoding/warc_reader.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace fanout::fetch;
using fanout_test::sha1_of;
using fanout_test::warc_record;

const auto some_date = std::chrono::system_clock::from_time_t(1'700'000'000) + std::chrono::microseconds(42);

/// Reads what was encoded and checks what holds for every record.
std::vector<warc_record> records_of(const std::string& text) {
  std::vector<warc_record> records;
  std::set<std::string> ids;
  for (const auto& part : fanout_test::gzip_parts(text)) {
    const auto record = fanout_test::read_warc_record(part);
    EXPECT_TRUE(ids.insert(record.at("WARC-Record-ID")).second);
    EXPECT_EQ(record.at("WARC-Block-Digest"), sha1_of(record.block));
    EXPECT_TRUE(record.at("WARC-Record-ID").starts_with("<urn:uuid:") && record.at("WARC-Record-ID").size() == 47);
    for (const char* const uri : {"WARC-Target-URI", "WARC-Profile", "WARC-Refers-To-Target-URI"})
      EXPECT_EQ(record.at(uri).find('<'), std::string::npos);
    if (record.at("WARC-Type") == "response") {
      if (!record.at("WARC-Payload-Digest").empty()) {
        EXPECT_EQ(record.at("WARC-Payload-Digest"), sha1_of(record.payload()));
      }
      EXPECT_EQ(record.http_head().find("\r\nTransfer-Encoding"), std::string::npos);
    }
    records.push_back(record);
  }
  return records;
}

warc_record response_of(const warc_exchange& exchange) {
  warc_encoder encoder({});
  std::string text;
  encoder.append(text, exchange);
  return records_of(text).at(0);
}

TEST(warc_encoder, writes_a_response_its_request_and_its_metadata) {
  const warc_fields headers{{"Content-Type", "text/html"}, {"Content-Length", "5"}};
  const warc_fields metadata{{"fetchTimeMs", "120"}};
  warc_encoder encoder({});
  std::string text;
  encoder.append_info(text, {{"software", "fanout"}, {"format", "WARC File Format 1.1"}}, some_date);
  const auto made = encoder.append(text, {.url = "http://example.org/",
                                          .date = some_date,
                                          .address = "192.0.2.1",
                                          .request_head = "POST / HTTP/1.1\r\nHost: example.org\r\n\r\n",
                                          .request_body = "a=b",
                                          .headers = &headers,
                                          .payload = "hello",
                                          .metadata = &metadata});
  const auto records = records_of(text);
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(records[0].at("WARC-Type"), "warcinfo");
  EXPECT_EQ(records[0].block, "software: fanout\r\nformat: WARC File Format 1.1\r\n");
  EXPECT_EQ(records[1].at("WARC-Type"), "response");
  EXPECT_EQ(records[1].at("WARC-Date"), "2023-11-14T22:13:20.000042Z");
  EXPECT_EQ(records[1].at("WARC-Target-URI"), "http://example.org/");
  EXPECT_EQ(records[1].at("WARC-IP-Address"), "192.0.2.1");
  EXPECT_EQ(records[1].at("Content-Type"), "application/http;msgtype=response");
  EXPECT_EQ(records[1].block, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(records[1].at("WARC-Record-ID"), made.record_id);
  EXPECT_EQ(records[1].at("WARC-Payload-Digest"), made.payload_digest);
  EXPECT_EQ(records[2].at("WARC-Type"), "request");
  EXPECT_EQ(records[2].at("WARC-Concurrent-To"), made.record_id);
  EXPECT_EQ(records[2].block, "POST / HTTP/1.1\r\nHost: example.org\r\n\r\na=b");
  EXPECT_EQ(records[3].at("WARC-Type"), "metadata");
  EXPECT_EQ(records[3].at("WARC-Concurrent-To"), made.record_id);
  EXPECT_EQ(records[3].block, "fetchTimeMs: 120\r\n");
}

TEST(warc_encoder, tells_of_http_2_as_if_it_were_1_1) {
  const warc_fields headers{{"content-length", "5"}, {"alt-svc", "h3=\":443\""}};
  std::string text;
  warc_encoder({.gzip = false})
      .append(text, {.url = "https://example.org/",
                     .date = some_date,
                     .protocol = "h2",
                     .tls = "tls/1.3",
                     .request_head = "GET /HTTP/2 HTTP/2\r\nHost: example.org\r\n\r\n",
                     .status_line = "HTTP/2 200",
                     .headers = &headers,
                     .payload = "hello"});
  const std::string protocols = "\r\nWARC-Protocol: h2\r\nWARC-Protocol: tls/1.3\r\n";
  const std::size_t first = text.find(protocols);
  ASSERT_NE(first, text.npos);
  EXPECT_NE(text.find(protocols, first + 1), text.npos) << "of the request, too";
  EXPECT_NE(text.find("\r\n\r\nHTTP/1.1 200 \r\ncontent-length: 5\r\nalt-svc: h3=\":443\"\r\n\r\nhello"), text.npos);
  EXPECT_NE(text.find("\r\n\r\nGET /HTTP/2 HTTP/1.1\r\nHost: example.org\r\n\r\n"), text.npos);
}

TEST(warc_encoder, a_chunked_response_has_a_head_that_is_true_of_its_payload) {
  const warc_fields headers{{"Transfer-Encoding", "chunked"}, {"Server", "x"}};
  const auto record = response_of({.url = "http://x/", .date = some_date, .headers = &headers, .payload = "hello"});
  EXPECT_EQ(
      record.block,
      "HTTP/1.1 200 OK\r\nX-Archive-Orig-Transfer-Encoding: chunked\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello");
  const warc_fields plain{{"Content-Length", "5"}};
  EXPECT_EQ(record.at("WARC-Payload-Digest"),
            response_of({.url = "http://x/", .date = some_date, .headers = &plain, .payload = "hello"})
                .at("WARC-Payload-Digest"));
}

TEST(warc_encoder, a_content_coding_stays_unless_the_caller_undid_it) {
  const warc_fields headers{{"Content-Encoding", "gzip"}, {"Content-Length", "5"}};
  EXPECT_EQ(
      response_of({.url = "http://x/", .date = some_date, .headers = &headers, .payload = "\x1f\x8b..."}).http_head(),
      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(
      response_of(
          {.url = "http://x/", .date = some_date, .headers = &headers, .payload = "decoded", .content_decoded = true})
          .http_head(),
      "HTTP/1.1 200 OK\r\nX-Archive-Orig-Content-Encoding: gzip\r\nX-Archive-Orig-Content-Length: 5\r\n"
      "Content-Length: 7\r\n\r\n");
  const warc_fields both{{"content-encoding", "gzip"}, {"transfer-encoding", "chunked"}};
  EXPECT_EQ(
      response_of(
          {.url = "http://x/", .date = some_date, .headers = &both, .payload = "decoded", .content_decoded = true})
          .http_head(),
      "HTTP/1.1 200 OK\r\nX-Archive-Orig-content-encoding: gzip\r\nX-Archive-Orig-transfer-encoding: chunked\r\n"
      "Content-Length: 7\r\n\r\n");
}

TEST(warc_encoder, what_has_no_payload_keeps_its_head) {
  const warc_fields headers{{"Content-Length", "1000"}, {"Transfer-Encoding", "chunked"}};
  const warc_fields sized{{"Content-Length", "1000"}};
  for (const char* const line : {"HTTP/1.1 204 No Content", "HTTP/1.1 200 OK", "HTTP/1.1 304 Not Modified"}) {
    const auto record = response_of(
        {.url = "http://x/", .date = some_date, .status_line = line, .headers = &sized, .has_payload = false});
    EXPECT_EQ(record.block, std::string(line) + "\r\nContent-Length: 1000\r\n\r\n");
    EXPECT_EQ(record.at("WARC-Payload-Digest"), "");
  }
}

TEST(warc_encoder, a_payload_in_a_file_is_encoded_as_one_in_memory) {
  const fanout_test::temporary_directory directory;
  std::string payload;
  for (int i = 0; payload.size() < 700'000; ++i) payload += std::to_string(i);
  directory.write("body", payload);
  const std::string path = directory / "body";
  EXPECT_EQ(warc_encoder::payload_digest_of_file(path), warc_encoder::payload_digest(payload));
  for (const bool gzip : {true, false}) {
    warc_exchange exchange{.url = "http://a/", .date = some_date, .request_head = "GET / HTTP/1.1\r\n\r\n"};
    const auto encoded = [&](std::size_t& largest) {
      warc_encoder encoder({.gzip = gzip});
      std::string whole;
      std::string text;
      encoder.append(text, exchange, [&](std::string& part) {
        largest = std::max(largest, part.size());
        whole += part;
        part.clear();
      });
      return whole + text;
    };
    std::size_t in_memory = 0;
    std::size_t from_file = 0;
    exchange.payload = payload;
    const std::string expected = encoded(in_memory);
    EXPECT_EQ(in_memory, 0u);
    exchange.payload = {};
    exchange.payload_file = path;
    const std::string made = encoded(from_file);
    EXPECT_GT(from_file, 0u);
    EXPECT_LT(from_file, 256u * 1024);
    if (gzip) {
      const auto ours = records_of(made);
      ASSERT_EQ(ours.size(), 2u);
      EXPECT_EQ(ours[0].payload(), payload);
      EXPECT_EQ(ours[0].http_head(), records_of(expected)[0].http_head());
      EXPECT_EQ(ours[0].at("WARC-Payload-Digest"), records_of(expected)[0].at("WARC-Payload-Digest"));
    } else {
      EXPECT_EQ(made.size(), expected.size());
      EXPECT_EQ(made.substr(made.find("WARC-Payload-Digest"), 700'000),
                expected.substr(expected.find("WARC-Payload-Digest"), 700'000));
    }
  }
  warc_encoder encoder({});
  std::string text;
  EXPECT_THROW(encoder.append(text, {.url = "http://a/", .date = some_date, .payload_file = "/nowhere"}), output_error);
}

TEST(warc_encoder, says_what_is_missing) {
  const warc_fields headers{{"Content-Length", "1000"}};
  for (const auto& [why, text] :
       {std::pair(warc_truncated::length, "length"), std::pair(warc_truncated::time, "time"),
        std::pair(warc_truncated::disconnect, "disconnect"), std::pair(warc_truncated::unspecified, "unspecified"),
        std::pair(warc_truncated::no, "")}) {
    const auto record = response_of(
        {.url = "http://x/", .date = some_date, .headers = &headers, .payload = "the first bytes", .truncated = why});
    EXPECT_EQ(record.at("WARC-Truncated"), text);
    EXPECT_EQ(record.payload(), "the first bytes");
  }
}

TEST(warc_encoder, a_repeat_and_a_304_refer_to_the_original) {
  const warc_fields headers{{"Content-Length", "5"}};
  warc_encoder encoder({});
  std::string text;
  const auto first =
      encoder.append(text, {.url = "http://x/1", .date = some_date, .headers = &headers, .payload = "hello"});
  const warc_original original{first.record_id, "http://x/1", first.date, first.payload_digest};
  encoder.append_revisit(text, {.url = "http://x/2", .date = some_date, .headers = &headers, .payload = "hello"},
                         original);
  encoder.append_revisit(
      text, {.url = "http://x/1", .date = some_date, .status_line = "HTTP/1.1 304 Not Modified", .has_payload = false},
      original);
  const auto records = records_of(text);
  ASSERT_EQ(records.size(), 3U);
  for (const std::size_t i : {1U, 2U}) {
    EXPECT_EQ(records[i].at("WARC-Type"), "revisit");
    EXPECT_EQ(records[i].at("WARC-Refers-To"), first.record_id);
    EXPECT_EQ(records[i].at("WARC-Refers-To-Target-URI"), "http://x/1");
    EXPECT_EQ(records[i].at("WARC-Refers-To-Date"), first.date);
    EXPECT_EQ(records[i].at("WARC-Payload-Digest"), first.payload_digest);
    EXPECT_EQ(records[i].payload(), "");
  }
  EXPECT_EQ(records[1].at("WARC-Profile"), "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest");
  EXPECT_EQ(records[2].at("WARC-Profile"), "http://netpreserve.org/warc/1.1/revisit/server-not-modified");
}

TEST(warc_encoder, nothing_from_outside_makes_a_header_of_its_own) {
  const warc_fields headers{{"X", "a\r\nWARC-Type: metadata\r\n\r\nbody"}};
  const auto record =
      response_of({.url = "http://x/\r\nWARC-Target-URI: http://y/", .date = some_date, .headers = &headers});
  EXPECT_EQ(record.at("WARC-Target-URI"), "http://x/  WARC-Target-URI: http://y/");
  EXPECT_EQ(record.http_head(), "HTTP/1.1 200 OK\r\nX: a  WARC-Type: metadata    body\r\nContent-Length: 0\r\n\r\n");
}

TEST(warc_encoder, ids_differ_from_encoder_to_encoder) {
  std::set<std::string> ids;
  for (int i = 0; i < 10; ++i) {
    warc_encoder encoder({.gzip = false});
    std::string text;
    for (int j = 0; j < 100; ++j) ids.insert(encoder.append(text, {.url = "http://x/", .date = some_date}).record_id);
  }
  EXPECT_EQ(ids.size(), 1'000U);
}

}  // namespace
