// The answers of a connection that take time or space.

#include <fanout/origin/content.hpp>

#include "origin/connection.hpp"
#include "origin/server_state.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace fanout::origin {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_composed = 64 * 1024;
constexpr int blocks_in_a_row = 16;  // of a large body, before other connections get a turn
constexpr auto longest_linger = 2s;
constexpr auto queue_check = 1ms;

/// Counts an answer that waits.
class waiting_mark {
 public:
  explicit waiting_mark(counters& counts) : counts_(counts) {
    ++counts_.waiting;
    counts_.peak_waiting.at_least(counts_.waiting.value());
  }
  waiting_mark(const waiting_mark&) = delete;
  waiting_mark& operator=(const waiting_mark&) = delete;
  ~waiting_mark() { --counts_.waiting; }

 private:
  counters& counts_;
};

}  // namespace

/// Carries out one answer and decides what becomes of the connection.
routine<> connection::perform(answer reply) {
  ending_ = ending::reset;  // until it has gone well
  if (reply.delay.count() > 0) {
    const waiting_mark waiting(server_->counts);
    const bool still_there = co_await sleep(reply.delay);
    if (!still_there) co_return;
  }
  if (reply.then == ending::never) {
    const waiting_mark waiting(server_->counts);
    co_await hold();
    co_return;
  }
  if (reply.cut_after) {
    co_await send_cut(reply);
    co_return;
  }
  bool sent = false;
  if (reply.generated <= most_composed && reply.pace.count() == 0) {
    std::string whole;
    append_whole(whole, reply, exchange_);
    sent = co_await send(whole);
  } else {
    std::string head;
    append_head(head, reply, exchange_);
    sent = co_await send(head);
    if (sent && has_body(reply, exchange_)) {
      if (reply.pace.count() > 0)
        sent = co_await drip_body(reply);
      else
        sent = co_await send_body(reply);
    }
  }
  if (!sent) co_return;
  ending_ = effective_ending(reply, exchange_);
  if (ending_ == ending::keep) ending_.reset();
}

routine<bool> connection::send_body(const answer& reply) {
  const executor_type loop = server_->loop.get_executor();
  int blocks = 0;
  if (effective_framing(reply, exchange_) != framing::chunked) {
    for (std::uint64_t offset = 0; offset < reply.generated;) {
      const std::string_view block = content_block(offset).substr(0, reply.generated - offset);
      const bool sent = co_await send(block);
      if (!sent) co_return false;
      offset += block.size();
      if (++blocks % blocks_in_a_row == 0) co_await asio::post(loop, awaiting);
    }
    co_return true;
  }
  std::string composed;
  for (std::uint64_t offset = 0; offset < reply.generated;) {
    composed.clear();
    while (offset < reply.generated && composed.size() < most_composed) {
      const std::uint64_t size = std::min(reply.chunk_bytes, reply.generated - offset);
      append_chunk(composed, offset, size);
      offset += size;
    }
    const bool sent = co_await send(composed);
    if (!sent) co_return false;
    if (++blocks % blocks_in_a_row == 0) co_await asio::post(loop, awaiting);
  }
  composed.clear();
  append_chunk(composed, 0, 0);
  const bool sent = co_await send(composed);
  co_return sent;
}

routine<bool> connection::drip_body(const answer& reply) {
  const waiting_mark waiting(server_->counts);
  for (std::uint64_t offset = 0; offset < reply.generated; ++offset) {
    if (offset > 0) {
      const bool still_there = co_await sleep(reply.pace);
      if (!still_there) co_return false;
    }
    const bool sent = co_await send(content_block(offset).substr(0, 1));
    if (!sent) co_return false;
  }
  co_return true;
}

/// Sends the beginning of a response, then RST. The kernel has to have sent those bytes by then: RST discards the rest.
routine<> connection::send_cut(const answer& reply) {
  std::string whole;
  append_whole(whole, reply, exchange_);
  whole.resize(std::min<std::uint64_t>(whole.size(), *reply.cut_after));
  const bool sent = co_await send(whole);
  if (!sent) co_return;
  while (transport_.unsent()) {
    const bool still_there = co_await sleep(queue_check);
    if (!still_there) co_return;
  }
  transport_.reset();
}

/// Waits until the peer goes away.
routine<> connection::hold() {
  for (;;) {
    const transfer received = transport_.read(server_->input);
    if (received.state == progress::done && transport_.buffered()) continue;
    if (received.state == progress::ended || received.state == progress::failed) co_return;
    const bool ready = co_await wait(received.state == progress::want_write ? received.state : progress::want_read);
    if (!ready) co_return;
  }
}

/// Sends all of `bytes`, which must stay where they are meanwhile. False when the peer has gone.
routine<bool> connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const transfer written = transport_.write(bytes);
    if (written.state == progress::done) {
      bytes.remove_prefix(written.bytes);
      continue;
    }
    if (written.state != progress::want_read && written.state != progress::want_write) co_return false;
    const bool ready = co_await wait(written.state);
    if (!ready) co_return false;
  }
  co_return true;
}

/// False when the peer went away, or the server closed, before the time was up.
routine<bool> connection::sleep(std::chrono::milliseconds duration) {
  if (gone_) co_return false;
  if (!timer_) timer_.emplace(server_->loop.get_executor());
  timer_->expires_at(fanout::detail::after(std::chrono::steady_clock::now(), duration));
  sleeping_ = true;
  watch_peer();
  boost::system::error_code failed;
  co_await timer_->async_wait(asio::redirect_error(awaiting, failed));
  sleeping_ = false;
  co_return !failed && !gone_;
}

/// Ends the sleep when the peer closes. The wait outlives the sleep, harmlessly: the next request completes it, and the
/// next sleep uses it as long as it lasts.
void connection::watch_peer() {
  if (watching_) return;
  watching_ = true;
  transport_.socket().async_wait(socket_type::wait_read, [weak = weak_from_this()](boost::system::error_code failed) {
    const auto self = weak.lock();
    if (!self) return;
    self->watching_ = false;
    if (failed || !self->sleeping_) return;
    switch (self->transport_.peek()) {
      case progress::done:  // the next request: it is read in its turn
        break;
      case progress::want_read:
      case progress::want_write:
        self->watch_peer();
        break;
      case progress::ended:
      case progress::failed:
        self->gone_ = true;
        self->timer_->cancel();
    }
  });
}

/// Reads on for a while after a request that was refused half-way: closing with bytes unread makes the kernel send RST,
/// which would take the refusal with it (RFC 9112 section 9.6).
routine<> connection::linger() {
  if (!timer_) timer_.emplace(server_->loop.get_executor());
  timer_->expires_after(longest_linger);
  timer_->async_wait([weak = weak_from_this()](boost::system::error_code failed) {
    const auto self = weak.lock();
    if (self && !failed) self->transport_.close();
  });
  co_await hold();
}

}  // namespace fanout::origin
