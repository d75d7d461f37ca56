#include <fanout/core/run.hpp>
#include <fanout/fetch/exchange.hpp>
#include <fanout/fetch/record_text.hpp>
#include <fanout/origin/background.hpp>
#include <fanout/process/remote.hpp>

#include "http/scripted_server.hpp"
#include "support/leaks.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace {

using namespace fanout::fetch;
using fanout::failure_kind;
using fanout::options;
using fanout::outcome;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

class exchange_test : public fanout::test::leak_checked {};

request get(std::string url) {
  request made;
  made.url = std::move(url);
  return made;
}

outcome<record> run_one(const settings& with, request what, options how = fanout::sync()) {
  how.on_error = fanout::on_error::collect;
  std::optional<outcome<record>> result;
  fanout::run(how, fanout::remote<exchange>.with(with), std::vector{std::move(what)},
              [&](outcome<record> out) { result.emplace(std::move(out)); });
  return std::move(result).value();
}

record record_for(const settings& with, request what, options how = fanout::sync()) {
  return run_one(with, std::move(what), how).value();
}

TEST_F(exchange_test, a_page) {
  const fanout::origin::background origin;
  const record got = record_for({}, get(origin.url("/bytes/5")));
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.bytes, 5u);
  EXPECT_EQ(got.attempts, 1);
  EXPECT_GT(got.elapsed_ns, 0);
  EXPECT_EQ(got.final_url, "");
  EXPECT_FALSE(got.error);
  EXPECT_FALSE(got.body);
  EXPECT_TRUE(got.headers.empty());
}

TEST_F(exchange_test, body_and_headers_are_kept_on_request) {
  const fanout::origin::background origin;
  settings with;
  with.keep_body = with.keep_headers = true;
  const record got = record_for(with, get(origin.url("/bytes/5")));
  EXPECT_THAT(got.body, Optional(std::string("ABCDE")));
  EXPECT_FALSE(got.headers.empty());
  EXPECT_THAT(record_for(with, get(origin.url("/bytes/0"))).body, Optional(std::string()));
}

TEST_F(exchange_test, what_is_sent) {
  const fanout::origin::background origin;
  settings with;
  with.keep_body = true;
  request what = get(origin.url("/echo"));
  what.method = "PUT";
  what.headers = {{"X-One", "1"}};
  what.body = "hello";
  EXPECT_THAT(record_for(with, what).body.value(),
              AllOf(HasSubstr(R"("method":"PUT")"), HasSubstr(R"("X-One":"1")"), HasSubstr(R"("body":"hello")")));
}

TEST_F(exchange_test, redirects_lead_to_the_final_url) {
  const fanout::origin::background origin;
  const record got = record_for({}, get(origin.url("/redirect/2")));
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.final_url, origin.url("/redirect/0"));
  EXPECT_EQ(got.attempts, 3);
}

TEST_F(exchange_test, a_status_of_400_and_above_is_a_failure_with_a_response) {
  const fanout::origin::background origin;
  settings with;
  with.keep_body = true;
  const record got = record_for(with, get(origin.url("/status/404")));
  EXPECT_EQ(got.status, 404);
  EXPECT_EQ(got.error, failure_kind::status);
  EXPECT_EQ(got.message, "404 Not Found");
  EXPECT_THAT(got.body, Optional(std::string("status 404\n")));
  EXPECT_FALSE(record_for({}, get(origin.url("/status/399"))).error);
}

TEST_F(exchange_test, failures_are_in_the_record) {
  const fanout::origin::background origin;
  settings with;
  with.max_body_bytes = 1000;
  with.keep_body = true;
  const auto kind_of = [&](const std::string& path) {
    const record got = record_for(with, get(origin.url(path)));
    EXPECT_EQ(got.status, 0) << path;
    EXPECT_FALSE(got.body) << path;
    EXPECT_FALSE(got.message.empty()) << path;
    EXPECT_GE(got.attempts, 1) << path;
    return got.error;
  };
  EXPECT_EQ(kind_of("/truncate"), failure_kind::protocol);
  EXPECT_EQ(kind_of("/garbage"), failure_kind::protocol);
  EXPECT_EQ(kind_of("/bytes/1001"), failure_kind::too_large);
  EXPECT_EQ(kind_of("/redirect/11"), failure_kind::refused_by_policy);
}

TEST_F(exchange_test, what_cannot_be_sent_is_not) {
  const fanout::origin::background origin;
  const record malformed = record_for({}, get("http//no.colon"));
  EXPECT_EQ(malformed.error, failure_kind::invalid_request);
  EXPECT_THAT(malformed.message, HasSubstr("http//no.colon"));
  request split = get(origin.url("/echo"));
  split.headers = {{"A", "b\r\nC: d"}};
  EXPECT_EQ(record_for({}, split).error, failure_kind::invalid_request);
  request known = get(origin.url("/echo"));
  known.problem = "the line is no JSON request: because";
  const record refused = record_for({}, known);
  EXPECT_EQ(refused.error, failure_kind::invalid_request);
  EXPECT_EQ(refused.message, known.problem);
  EXPECT_EQ(origin.statistics().connections_accepted, 0u);
}

TEST_F(exchange_test, a_timeout_is_that_of_the_settings) {
  const fanout::origin::background origin;
  settings with;
  with.timeout_ms = 50;
  const record got = record_for(with, get(origin.url("/never")));
  EXPECT_EQ(got.error, failure_kind::timeout);
  EXPECT_GE(got.elapsed_ns, 50'000'000);
  EXPECT_EQ(record_for({}, get(origin.url("/delay/60"))).status, 200);  // each has its own
}

TEST_F(exchange_test, a_cancelled_one_is_no_record_of_its_own) {
  const fanout::origin::background origin;
  for (const fanout::shape& shape : {fanout::sync(), fanout::async(2), fanout::processes(1)}) {
    std::stop_source stop;
    options how = shape;
    how.stop = stop.get_token();
    const auto before = origin.statistics().requests;
    std::jthread stopper([&] {
      while (origin.statistics().requests == before) std::this_thread::yield();
      stop.request_stop();
    });
    const outcome<record> out = run_one({}, get(origin.url("/never")), how);
    ASSERT_FALSE(out.ok());
    const record got = record_of(out.error());
    EXPECT_EQ(got.error, failure_kind::cancelled);
    EXPECT_EQ(got.status, 0);
    EXPECT_THAT(got.message, HasSubstr("stopped"));
  }
}

TEST(record_of, keeps_what_is_known_of_a_failure) {
  fanout::failure lost{failure_kind::worker_died, "killed by signal 9"};
  lost.elapsed = std::chrono::milliseconds(7);
  lost.attempts = 2;
  const record got = record_of(lost);
  EXPECT_EQ(got.error, failure_kind::worker_died);
  EXPECT_EQ(got.message, "killed by signal 9");
  EXPECT_EQ(got.elapsed_ns, 7'000'000);
  EXPECT_EQ(got.attempts, 2);
}

TEST_F(exchange_test, a_worker_process_answers_alike) {
  const fanout::origin::background origin;
  settings with;
  with.keep_body = with.keep_headers = true;
  with.timeout_ms = 5000;
  request what = get(origin.url("/echo"));
  what.method = "POST";
  what.headers = {{"X-One", "1"}};
  what.body = std::string("\0\xff", 2);
  record here = record_for(with, what), there = record_for(with, what, fanout::processes(1));
  EXPECT_EQ(there.body, here.body);
  EXPECT_EQ(there.status, here.status);
  EXPECT_EQ(there.headers.size(), here.headers.size());
  what.problem = "told";
  there = record_for(with, what, fanout::processes(1));
  EXPECT_EQ(there.error, failure_kind::invalid_request);
  EXPECT_EQ(there.message, "told");
}

// SHA-256 of the origin's first five bytes.
constexpr const char* of_abcde = "f0393febe8baaa55e32f7be2a7cc180bf34e52137d99e056c817a9c07b8f239a";

TEST_F(exchange_test, the_digest_of_a_body_wherever_it_goes) {
  const fanout::origin::background origin;
  const fanout_test::temporary_directory directory;
  for (const char* const where : {"dropped", "kept", "file", "held"}) {
    SCOPED_TRACE(where);
    settings with;
    with.digest_bodies = true;
    with.keep_body = std::string_view(where) == "kept";
    if (std::string_view(where) == "file" || std::string_view(where) == "held") with.body_path = directory / "";
    if (std::string_view(where) == "held") with.held_body_bytes = 100;
    request what = get(origin.url("/bytes/5"));
    what.file = where;
    const record got = record_for(with, what);
    EXPECT_FALSE(got.error) << got.message;
    EXPECT_EQ(got.sha256, of_abcde);
    EXPECT_EQ(got.bytes, 5u);
    // A list that says another one.
    with.digest_bodies = false;
    with.verify_digests = true;
    what.sha256 = std::string(64, '0');
    what.file += "-wrong";
    const record wrong = record_for(with, what);
    EXPECT_EQ(wrong.error, failure_kind::digest_mismatch);
    EXPECT_THAT(wrong.message, AllOf(HasSubstr(of_abcde), HasSubstr("0000")));
    EXPECT_FALSE(wrong.body);
    EXPECT_FALSE(std::filesystem::exists(directory / what.file));
    what.sha256 = of_abcde;
    what.file += "-right";
    EXPECT_FALSE(record_for(with, what).error);
    what.sha256 = "abc";
    EXPECT_EQ(record_for(with, what).error, failure_kind::invalid_request);
    // Of a page that is not there nothing is compared.
    what = get(origin.url("/status/404"));
    what.sha256 = std::string(64, '0');
    what.file = where + std::string("-404");
    EXPECT_EQ(record_for(with, what).error, failure_kind::status);
  }
}

TEST_F(exchange_test, mirrors_are_tried_in_turn) {
  const fanout::origin::background origin;
  settings with;
  with.keep_body = true;
  request what = get("http://127.0.0.1:1/");
  what.mirrors = {origin.url("/status/503"), origin.url("/bytes/5"), origin.url("/bytes/6")};
  for (const auto& how : {fanout::sync(), fanout::processes(1)}) {
    const record got = record_for(with, what, options{how});
    EXPECT_FALSE(got.error);
    EXPECT_THAT(got.body, Optional(std::string("ABCDE")));
    EXPECT_EQ(got.final_url, origin.url("/bytes/5"));
    EXPECT_EQ(got.attempts, 3);
  }
  what.mirrors = {origin.url("/status/503")};
  const record none = record_for(with, what);
  EXPECT_EQ(none.status, 503);
  EXPECT_THAT(none.message, AllOf(HasSubstr("http://127.0.0.1:1/: "), HasSubstr("/status/503: 503")));
  // One whose content is another's is no mirror, and leaves nothing behind.
  const fanout_test::temporary_directory directory;
  with.verify_digests = true;
  with.keep_body = false;
  with.body_path = directory / "";
  what = get(origin.url("/bytes/6"));
  what.sha256 = of_abcde;
  what.mirrors = {origin.url("/bytes/5")};
  what.file = "00000000";
  EXPECT_EQ(record_for(with, what).bytes, 5u);
  EXPECT_TRUE(std::filesystem::exists(directory / "00000000"));
  EXPECT_FALSE(std::filesystem::exists(directory / "00000000.part"));
}

TEST_F(exchange_test, servers_that_opt_out) {
  fanout_test::scripted_server server(
      fanout_test::always("HTTP/1.1 200 OK\r\nX-Robots-Tag: noindex, noai\r\nContent-Length: 5\r\n\r\nhello"));
  const fanout_test::temporary_directory directory;
  settings with;
  with.keep_body = true;
  EXPECT_THAT(record_for(with, get(server.url("/"))).body, Optional(std::string("hello")));
  with.opt_outs = {"noimageai", "noai"};
  for (const bool to_file : {false, true}) {
    if (to_file) with.body_path = directory / "";
    request what = get(server.url("/"));
    what.file = "00000000";
    const record got = record_for(with, what);
    EXPECT_EQ(got.error, failure_kind::opted_out);
    EXPECT_THAT(got.message, HasSubstr("X-Robots-Tag says noai"));
    EXPECT_EQ(got.status, 200);
    EXPECT_FALSE(got.body);
    EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
  }
}

}  // namespace
