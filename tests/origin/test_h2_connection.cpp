// The origin over HTTP/2, asked by nghttp2's own client side.
#include <fanout/origin/content.hpp>

#include "origin/peer.hpp"
#include "support/leaks.hpp"

#include <gmock/gmock.h>

#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>

#include <cstring>
#include <map>

namespace {

using namespace fanout::origin;
using namespace fanout::origin::testing;
using ::testing::HasSubstr;

struct h2_answer {
  std::map<std::string, std::string> fields;
  std::string body;
  bool done = false;
  std::uint32_t code = 0;  ///< of its end
};

std::string receive_some(peer& from) {
  char bytes[16 * 1024];
  const long size = from.read_some(bytes, sizeof bytes);
  return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

/// One connection, blocking.
class h2_client {
 public:
  explicit h2_client(peer& wire) : wire_(wire) {
    const int on = 1;
    ::setsockopt(wire.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    nghttp2_session_callbacks* all = nullptr;
    nghttp2_session_callbacks_new(&all);
    nghttp2_session_callbacks_set_on_header_callback(
        all, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* self) {
          of(self, frame->hd.stream_id).fields[std::string(name, name + name_size)].assign(value, value + value_size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        all,
        [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size, void* self) {
          of(self, id).body.append(bytes, bytes + size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        all, [](nghttp2_session*, std::int32_t id, std::uint32_t code, void* self) {
          of(self, id).done = true;
          of(self, id).code = code;
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(all,
                                                         [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
                                                           auto& me = *static_cast<h2_client*>(self);
                                                           ++me.frames_;
                                                           if (frame->hd.type == NGHTTP2_GOAWAY)
                                                             me.last_stream_ = frame->goaway.last_stream_id;
                                                           return 0;
                                                         });
    nghttp2_session_client_new(&session_, all, this);
    nghttp2_session_callbacks_del(all);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  h2_client(const h2_client&) = delete;
  ~h2_client() { nghttp2_session_del(session_); }

  std::int32_t ask(const std::string& path, const std::string& method = "GET", std::string body = {}) {
    const auto field = [](const char* name, const std::string& value) {
      return nghttp2_nv{reinterpret_cast<std::uint8_t*>(const_cast<char*>(name)),
                        reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), std::strlen(name),
                        value.size(), 0};
    };
    const std::string scheme = "http", host = "h";
    const nghttp2_nv fields[] = {field(":method", method), field(":scheme", scheme), field(":authority", host),
                                 field(":path", path)};
    body_ = std::move(body);
    nghttp2_data_provider provider{};
    provider.source.ptr = this;
    provider.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t size,
                                std::uint32_t* flags, nghttp2_data_source* source, void*) {
      std::string& left = static_cast<h2_client*>(source->ptr)->body_;
      const std::size_t count = std::min(size, left.size());
      std::copy_n(left.data(), count, into);
      left.erase(0, count);
      if (left.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
      return static_cast<ssize_t>(count);
    };
    return nghttp2_submit_request(session_, nullptr, fields, 4, body_.empty() ? nullptr : &provider, nullptr);
  }

  /// Exchanges frames until this holds, or the server ended the connection.
  template <class Predicate>
  bool run_until(Predicate holds) {
    for (;;) {
      const std::uint8_t* bytes = nullptr;
      for (ssize_t size; (size = nghttp2_session_mem_send(session_, &bytes)) > 0;)
        wire_.send(std::string_view(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)));
      if (holds()) return true;
      const std::string came = receive_some(wire_);
      if (came.empty()) return false;
      if (nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(came.data()), came.size()) < 0)
        return false;
    }
  }
  const h2_answer& whole(std::int32_t id) {
    run_until([&] { return answers_[id].done; });
    return answers_[id];
  }
  const h2_answer& get(const std::string& path) { return whole(ask(path)); }
  std::int32_t last_stream() const { return last_stream_; }
  std::size_t frames() const { return frames_; }
  std::uint32_t setting(nghttp2_settings_id which) { return nghttp2_session_get_remote_settings(session_, which); }

 private:
  static h2_answer& of(void* self, std::int32_t id) { return static_cast<h2_client*>(self)->answers_[id]; }

  peer& wire_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, h2_answer> answers_;
  std::string body_;
  std::int32_t last_stream_ = -1;
  std::size_t frames_ = 0;
};

struct h2_connection_test : origin_test {};

TEST_F(h2_connection_test, answers_by_prior_knowledge) {
  peer wire(port());
  h2_client client(wire);
  const auto& answer = client.get("/bytes/100000");
  EXPECT_EQ(answer.fields.at(":status"), "200");
  EXPECT_EQ(answer.fields.at("content-length"), "100000");
  EXPECT_EQ(answer.fields.at("content-type"), "application/octet-stream");
  EXPECT_EQ(answer.body, content(0, 100'000));
  EXPECT_EQ(client.get("/status/404").fields.at(":status"), "404");
  EXPECT_EQ(client.get("/redirect/2").fields.at("location"), "/redirect/1");
  EXPECT_EQ(client.get("/chunked/10").fields.count("content-length"), 0u);
  EXPECT_EQ(client.whole(client.ask("/bytes/10", "HEAD")).body, "");
  const auto& echoed = client.whole(client.ask("/echo?q", "POST", "the body"));
  EXPECT_THAT(echoed.body, HasSubstr("\"method\":\"POST\",\"target\":\"/echo?q\",\"version\":\"2.0\""));
  EXPECT_THAT(echoed.body, HasSubstr("\"body\":\"the body\""));
  EXPECT_EQ(origin().statistics().http_2_connections, 1u);
  EXPECT_EQ(origin().statistics().requests, 6u);
}

TEST_F(h2_connection_test, many_at_a_time_and_those_that_wait_hold_up_nobody) {
  peer wire(port());
  h2_client client(wire);
  const auto slow = client.ask("/delay/50"), dripping = client.ask("/drip?bytes=3&ms=1"), never = client.ask("/never");
  const auto big = client.ask("/bytes/3000000");
  EXPECT_EQ(client.get("/bytes/5").body, content(0, 5));
  EXPECT_EQ(client.whole(dripping).body, content(0, 3));
  EXPECT_EQ(client.whole(big).body, content(0, 3'000'000));
  EXPECT_EQ(client.whole(slow).body, "waited 50 ms\n");
  EXPECT_EQ(origin().statistics().requests_waiting, 1u);
  static_cast<void>(never);
  wire.close();
  EXPECT_TRUE(wait_until([&] { return origin().statistics().requests_waiting == 0; }));
}

TEST_F(h2_connection_test, cuts_and_resets) {
  peer wire(port());
  h2_client client(wire);
  const auto& cut = client.get("/reset?after=10&bytes=100");
  EXPECT_EQ(cut.body, content(0, 10));
  EXPECT_EQ(cut.code, NGHTTP2_INTERNAL_ERROR);
  EXPECT_EQ(client.get("/reset").code, NGHTTP2_INTERNAL_ERROR);
  EXPECT_EQ(client.get("/refuse").code, NGHTTP2_REFUSED_STREAM);
  EXPECT_EQ(client.get("/bytes/5").body, content(0, 5)) << "the connection stays";
}

TEST_F(h2_connection_test, goes_away) {
  peer wire(port());
  h2_client client(wire);
  EXPECT_EQ(client.get("/bytes/5").body, content(0, 5));
  client.ask("/goaway");
  EXPECT_FALSE(client.run_until([] { return false; })) << "it closes";
  EXPECT_EQ(client.last_stream(), 1);

  const background three({.requests_per_connection = 3});
  peer other(three.port());
  h2_client counted(other);
  for (int i = 0; i < 5; ++i) counted.ask("/bytes/5");
  EXPECT_FALSE(counted.run_until([] { return false; }));
  EXPECT_EQ(counted.last_stream(), 5);
  EXPECT_EQ(three.statistics().requests, 3u);
}

TEST_F(h2_connection_test, floods_and_garbage) {
  for (const char* kind : {"ping", "settings", "data", "reset", "continuation"}) {
    peer wire(port());
    h2_client client(wire);
    client.ask(std::string("/flood?of=") + kind);
    client.run_until([] { return true; });  // which sends it
    std::size_t came = 0;
    for (std::string some = receive_some(wire); came < 1'000'000 && !some.empty(); some = receive_some(wire))
      came += some.size();
    EXPECT_GE(came, 1'000'000u) << kind;
  }
  peer wire(port());
  h2_client client(wire);
  client.ask("/garbage");
  EXPECT_FALSE(client.run_until([] { return false; }));
  peer old(port());
  EXPECT_EQ(old.get("/flood").result_int(), 400u) << "of HTTP/2 alone";
}

TEST_F(h2_connection_test, what_its_settings_say) {
  const background strict({.max_body_bytes = 10, .max_streams = 7, .request_window = 100, .refuse_every = 2});
  peer wire(strict.port());
  h2_client client(wire);
  EXPECT_EQ(client.get("/bytes/1").body, content(0, 1));
  EXPECT_EQ(client.setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS), 7u);
  EXPECT_EQ(client.setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE), 100u);
  EXPECT_EQ(client.get("/bytes/1").code, NGHTTP2_REFUSED_STREAM);
  EXPECT_EQ(client.whole(client.ask("/echo", "POST", std::string(50, 'x'))).fields.at(":status"), "413");
}

TEST_F(h2_connection_test, is_not_spoken_where_it_is_switched_off) {
  const background old({.http_2 = false});
  peer wire(old.port());
  h2_client client(wire);
  client.ask("/");
  EXPECT_FALSE(client.run_until([&] { return client.frames() > 0; }));
}

}  // namespace
