// HTTP/2 against nginx and nghttpd: by ALPN over TLS, also through a proxy, and by prior knowledge without.
#include "http/certificates.hpp"
#include "http/loop/loop_state.hpp"
#include "http/support.hpp"
#include "support/nginx.hpp"
#include "support/server_program.hpp"

#include <unistd.h>

#include <fstream>

namespace {

using namespace fanout_test;
using fanout::http::client_options;
using fanout::http::http_version;
using fanout::http::http_versions;
using fanout::http::request;
using fanout::http::url;
using fanout_test::by_version::client;

class h2_session : public http_test {
 protected:
  h2_session() {
    write("small", "hello");
    write("big", std::string(3 << 20, 'x'));
    options_.http_version = http_versions::http_2_prior_knowledge;
  }
  void write(const std::string& name, const std::string& text) { std::ofstream(root_ / name) << text; }

  /// Gets the same URL `count` times, `at_once` at a time; returns how many answers were whole.
  static int get_many(asio::io_context& loop, const client& through, const std::string& from, int count, int at_once,
                      std::size_t size) {
    int left = count, good = 0;
    const auto worker = [](const client& with, const std::string& address, int& todo, int& done,
                           std::size_t expected) -> fanout::task<void> {
      while (todo-- > 0) {
        auto getting = with.get(address);
        const auto answer = co_await std::move(getting);
        done += answer.status == 200 && answer.body.size() == expected && answer.version == http_version::v2;
      }
    };
    for (int i = 0; i < at_once; ++i)
      asio::co_spawn(loop, worker(through, from, left, good, size),
                     [](std::exception_ptr failed) { EXPECT_NO_THROW(if (failed) std::rethrow_exception(failed)); });
    loop.restart();
    loop.run();
    return good;
  }

  temporary_directory root_;
  client_options options_;
};

TEST_F(h2_session, answers_over_prior_knowledge) {
  nginx server(root_.path(), "http2 on;");
  asio::io_context loop(1);
  const client through(options_);
  const auto first = get_on(loop, through, server.url("/small"));
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, "hello");
  EXPECT_EQ(first.version, http_version::v2);
  EXPECT_FALSE(first.measured.connection_reused);
  EXPECT_EQ(first.headers["content-length"], "5");
  EXPECT_TRUE(get_on(loop, through, server.url("/small")).measured.connection_reused);
  EXPECT_EQ(get_on(loop, through, server.url("/big")).body, std::string(3 << 20, 'x'));
  EXPECT_EQ(get_on(loop, through, server.url("/none")).status, 404);
}

TEST_F(h2_session, carries_many_streams_on_one_connection) {
  nginx server(root_.path(), "http2 on;");
  asio::io_context loop(1);
  EXPECT_EQ(get_many(loop, client(options_), server.url("/small"), 1000, 100, 5), 1000);
  EXPECT_EQ(fanout::http::loop_state::of(loop.get_executor()).pool().open(), 1u);
}

TEST_F(h2_session, opens_another_connection_when_the_streams_are_full) {
  nginx server(root_.path(), "http2 on;");
  asio::io_context loop(1);
  options_.max_streams_per_connection = 10;
  EXPECT_EQ(get_many(loop, client(options_), server.url("/small"), 300, 30, 5), 300);
  EXPECT_EQ(fanout::http::loop_state::of(loop.get_executor()).pool().open(), 3u);
}

TEST_F(h2_session, loses_nothing_where_each_connection_takes_three_requests) {
  nginx server(root_.path(), "http2 on; keepalive_requests 3;");
  asio::io_context loop(1);
  EXPECT_EQ(get_many(loop, client(options_), server.url("/small"), 10'000, 100, 5), 10'000);
}

TEST_F(h2_session, is_chosen_by_alpn) {
  const issuer trusted;
  const certificate_files files = trusted.files(root_, "server");
  nginx server(root_.path(),
               "http2 on; ssl_certificate " + files.certificate + "; ssl_certificate_key " + files.key + ";");
  options_.ca_file = trusted.ca_file();
  options_.http_version = http_versions::http_2;
  asio::io_context loop(1);
  EXPECT_EQ(get_many(loop, client(options_), server.url("/small"), 500, 50, 5), 500);
  EXPECT_EQ(fanout::http::loop_state::of(loop.get_executor()).pool().open(), 1u);
  EXPECT_EQ(get_many(loop, client(options_), server.url("/big"), 50, 10, 3 << 20), 50);
  options_.http_version = http_versions::http_1_1;
  EXPECT_EQ(get_on(loop, client(options_), server.url("/small")).version, http_version::v1_1);
  client_options usual;
  usual.ca_file = trusted.ca_file();
  EXPECT_EQ(get_on(loop, client(usual), server.url("/small")).version, http_version::v2) << "by default";
  const server_program proxy("FANOUT_TINYPROXY", FANOUT_TINYPROXY, {"-d", "-c", "{directory}/configuration"},
                             "Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nLogLevel Critical\n"
                             "PidFile \"{directory}/pid\"\n");
  usual.proxy = "http://127.0.0.1:" + std::to_string(proxy.port());
  EXPECT_EQ(get_on(loop, client(usual), server.url("/small")).version, http_version::v2) << "in a tunnel";
  EXPECT_EQ(get_many(loop, client(usual), server.url("/big"), 20, 10, 3 << 20), 20);
}

TEST_F(h2_session, speaks_with_nghttpd) {
  constexpr const char* program = "/usr/sbin/nghttpd";
  if (::access(program, X_OK) != 0) GTEST_SKIP() << "Debian's nghttp2-server is not installed";
  const server_program server("FANOUT_NGHTTPD", program,
                              {"--no-tls", "--address=127.0.0.1", "--htdocs=" + root_.path(), "{port}"});
  const std::string at = "http://127.0.0.1:" + std::to_string(server.port());
  asio::io_context loop(1);
  EXPECT_EQ(get_many(loop, client(options_), at + "/small", 2000, 100, 5), 2000);
  EXPECT_EQ(get_many(loop, client(options_), at + "/big", 50, 10, 3 << 20), 50);
  EXPECT_EQ(get_on(loop, client(options_), at + "/none").status, 404);
  EXPECT_EQ(fanout::http::loop_state::of(loop.get_executor()).pool().open(), 1u);
}

}  // namespace
