#include "http/exchange.hpp"

#include "http/h1/request_head.hpp"

#include <boost/asio/error.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace fanout::http {
namespace {

// A body up to this size travels behind the header, in the same packet.
constexpr std::size_t small_body = 16 * 1024;
// Decoded bytes of a streamed body that may lie untaken; the buffer they are read into bounds the others.
constexpr std::size_t most_untaken = 64 * 1024;
// How often one exchange reads without waiting before others have their turn: a fast body must not keep the loop.
constexpr int most_reads = 16;
// The same for pieces of a body that a fast server takes.
constexpr int most_pieces = 16;

std::string reason(int error) {
  return boost::system::system_category().message(error);
}

}  // namespace

void exchange::begin(const client_options& options) {
  options_ = &options;
  timer_.begin(options);
  streaming_ = false;
  measured_ = {};
}

void exchange::end() noexcept {
  if (connection_) loop_.pool().discard(std::move(connection_));
  timer_.end();
  parser_.reset();
  body_.close();
}

void exchange::prepare(const request& what, std::string_view user_agent, const route& via) {
  request_ = &what;
  via_ = via;
  user_agent_ = user_agent;
  body_.open(what);
  expects_ = what.expect_continue && body_.any();
  sent_before_ = false;
  write_head_again();
}

void exchange::write_head_again() {
  head_.clear();
  write_head(head_, *request_, user_agent_, options_->decode_content, {body_.any(), body_.length(), expects_});
  if (via_.in_absolute_form) rewrite_for_proxy(head_, *request_, *via_.proxy);
  body_in_head_ = body_.in_memory() && request_->body.size() <= small_body && !expects_;
  if (body_in_head_) head_.append(request_->body);
}

bool exchange::take_idle() {
  if (sent_before_) return false;
  connection_ = loop_.pool().take(via_.key, timer_.limits().last_moved(), options_->idle_connection_lifetime,
                                  !is_idempotent(request_->method) || !body_.can_be_sent_again());
  if (!connection_) return false;
  opened();
  return true;
}

void exchange::use(std::unique_ptr<connection> fresh) {
  connection_ = std::move(fresh);
  opened();
}

void exchange::opened() {
  timer_.enter_transfer(request_timer::wait_handle(connection_->socket));
  unsent_ = head_;
  sending_ = sending::head;
  if (body_.any()) body_.rewind();
  leftover_.clear();
  write_broken_ = unasked_bytes_ = was_blocked_ = header_told_ = false;
  parser_.emplace(*options_, request_->method == "HEAD", request_->keep_body || streaming_);
  if (streaming_) parser_->keep_at_most(most_untaken);
  ++measured_.attempts;
  measured_.connection_reused = connection_->used;
  measured_.remote_address = connection_->remote_address;
}

connect_context exchange::connecting() noexcept {
  return {loop_, timer_, request_->url, via_, limits_of_pool(), sent_before_};
}

step exchange::advance() {
  step next{};
  if (sending_ != sending::done && !write_broken_ && !write_some(next)) return next;
  if (streaming_ && !header_told_ && parser_->header_done()) return step::header;
  return read_some();
}

// False when `next` is what the exchange needs before it can go on.
bool exchange::write_some(step& next) {
  // While a body is on its way the server may answer already, to refuse it: then the rest need not be sent.
  if (std::exchange(was_blocked_, false) && parser_->body().size() < most_untaken) {
    next = read_some();
    const bool ends = next == step::complete || next == step::again || parser_->status() >= 400;
    if (ends && next != step::want_read && next != step::want_write) return false;
  }
  int pieces = 0;
  do {
    while (!unsent_.empty()) {
      const io_result result = connection_->write_some(unsent_);
      if (result.state == io_state::done) {
        unsent_.remove_prefix(result.bytes);
        measured_.bytes_sent += result.bytes;
        if (!unsent_.empty() || sending_ == sending::body) timer_.limits().sent(result.bytes, clock::now());
      } else if (result.state == io_state::want_read || result.state == io_state::want_write) {
        next = result.state == io_state::want_read ? step::want_read : step::want_write;
        was_blocked_ = sending_ == sending::body;
        if (was_blocked_) next = step::want_either;
        return false;
      } else {
        // A server may refuse a body by answering and closing: what it said is still there to be read.
        write_broken_ = true;
        return true;
      }
    }
    if (!next_part(next)) return false;
    if (++pieces > most_pieces && sending_ == sending::body) {
      connection_->socket.leave_unsent();
      was_blocked_ = true;
      next = step::want_write;
      return false;
    }
  } while (sending_ != sending::done);
  timer_.limits().all_sent();
  // The first read after a write finds nothing yet.
  next = step::want_read;
  return false;
}

// What is to be sent after what was. False when `next` comes first.
bool exchange::next_part(step& next) {
  if (sending_ == sending::head) {
    sending_ = !body_.any() || body_in_head_ ? sending::done : expects_ ? sending::held_back : sending::body;
    if (sending_ == sending::held_back) {
      timer_.wake_at(timer_.limits().last_moved() + options_->continue_timeout);
      next = step::want_read;
      return false;
    }
  }
  if (sending_ == sending::held_back) {
    if (!timer_.woke()) {
      next = read_some();
      if (next != step::want_read || !parser_->continued()) return false;
    }
    timer_.wake_at({});
    sending_ = sending::body;
  }
  if (sending_ != sending::body) return true;
  switch (body_.take(unsent_)) {
    case outgoing_body::next::bytes:
      return true;
    case outgoing_body::next::end:
      sending_ = sending::done;
      return true;
    case outgoing_body::next::pull:
      next = step::want_body;
      break;
  }
  return false;
}

task<void> exchange::pull_body() {
  // It is the caller's stream that is waited for, not the server: only the total deadline goes on.
  timer_.pause();
  auto pulling = body_.pull();
  co_await std::move(pulling);
  resumed({});
  timer_.go_on();
}

step exchange::read_some() {
  for (int reads = 0; reads < most_reads; ++reads) {
    const std::span<char> buffer = loop_.scratch(leftover_.size() + 16 * 1024);
    std::copy(leftover_.begin(), leftover_.end(), buffer.begin());
    const auto room = buffer.subspan(leftover_.size());
    const io_result result = connection_->read_some(room);
    if (result.state == io_state::want_read) return step::want_read;
    if (result.state == io_state::want_write) return step::want_write;
    if (result.state == io_state::failed) return broken(result);
    if (result.state != io_state::done) return at_end(result.state);
    timer_.limits().received(result.bytes, clock::now());
    measured_.bytes_received += result.bytes;

    const std::string_view bytes(buffer.data(), leftover_.size() + result.bytes);
    const auto made = parser_->put(bytes);
    if (made.failed) parser_->raise(peer());
    if (parser_->complete()) {
      unasked_bytes_ = made.used < bytes.size();
      return refused_expectation() ? step::again : step::complete;
    }
    leftover_.assign(bytes.substr(made.used));
    if (streaming_ && parser_->header_done()) return header_told_ ? step::some : step::header;
    if (leftover_.size() > options_->max_header_bytes)  // a chunk's extension may be one endless line
      throw error(failure_kind::too_large,
                  fmt::format("{} sent a line of more than {} bytes", peer(), options_->max_header_bytes));
    // A read that did not fill its buffer emptied the socket; TLS may hold more than it gave.
    if (!connection_->tls && result.bytes < room.size()) return step::want_read;
  }
  connection_->socket.leave_unread();
  return step::want_read;
}

step exchange::at_end(io_state how) {
  if (parser_->ends_with_connection() && how == io_state::truncated)
    throw error(failure_kind::protocol,
                fmt::format("{} closed the connection without closing TLS {}; the body may be cut short", peer(),
                            parser_->how_far()));
  if (parser_->put_end()) return step::complete;
  if (parser_->failed()) parser_->raise(peer());
  if (may_send_again()) return step::again;
  throw error(failure_kind::protocol,
              fmt::format("{} closed the connection {}{}", peer(), parser_->how_far(), why_not_again()));
}

step exchange::broken(const io_result& result) {
  if (may_send_again()) return step::again;
  if (result.error == 0)
    throw error(failure_kind::tls,
                fmt::format("TLS with {} broke down {}: {}", peer(), parser_->how_far(), connection_->tls->failure()));
  throw error(failure_kind::protocol, fmt::format("the connection to {} broke {}: {}{}", peer(), parser_->how_far(),
                                                  reason(result.error), why_not_again()));
}

bool exchange::may_send_again() const noexcept {
  return connection_->used && !sent_before_ && !parser_->got_some() && is_idempotent(request_->method) &&
         body_.can_be_sent_again();
}

// The server cannot be asked: it gets the body unasked (RFC 9110 section 10.1.1).
bool exchange::refused_expectation() {
  if (parser_->status() != 417 || sending_ != sending::held_back) return false;
  expects_ = false;
  write_head_again();
  return true;
}

// Why an exchange that failed on an idle connection was not simply tried again.
const char* exchange::why_not_again() const noexcept {
  const bool was_stale = connection_->used && !sent_before_ && !parser_->got_some();
  return was_stale && is_idempotent(request_->method) && !body_.can_be_sent_again()
             ? "; it cannot be tried again, as the request's body can be had only once"
             : "";
}

response exchange::take_response() {
  timer_.limits().measure(measured_);
  response result = parser_->take();
  result.measured = measured_;
  return result;
}

response exchange::take_head() {
  timer_.limits().measure(measured_);
  response result = parser_->take_head();
  result.measured = measured_;
  header_told_ = true;
  timer_.wake_at({});
  // The server answered before it had all of the request: it does not want the rest.
  if (sending_ != sending::done) write_broken_ = true;
  return result;
}

void exchange::moved(const request& what) noexcept {
  request_ = &what;
}

void exchange::stream_body() {
  streaming_ = true;
}

step exchange::advance_body() {
  if (!parser_->decode_more()) parser_->raise(peer());
  if (!parser_->body().empty() || parser_->complete()) return step::some;
  return advance();
}

void exchange::finish(response& head) {
  timer_.limits().measure(measured_);
  head.measured = measured_;
  head.trailers = parser_->trailers();
  head.body_bytes = parser_->body_bytes();
  head.coded_bytes = parser_->coded_bytes();
  release_connection();
}

void exchange::end_early() noexcept {
  pause();
  if (connection_) loop_.pool().discard(std::move(connection_));
}

void exchange::pause() noexcept {
  timer_.pause();
}

void exchange::go_on() {
  timer_.go_on();
}

void exchange::release_connection() {
  const bool whole_request_sent = sending_ == sending::done && !write_broken_;
  if (!parser_->complete() || !whole_request_sent || unasked_bytes_ || !parser_->keep_alive()) {
    sent_before_ = !parser_->complete();
    loop_.pool().discard(std::move(connection_));
    return;
  }
  loop_.pool().put(std::move(connection_), timer_.limits().last_moved(), limits_of_pool());
}

pool_limits exchange::limits_of_pool() const noexcept {
  return {options_->max_connections, options_->max_connections_per_host, options_->max_idle_connections,
          options_->max_idle_per_host, options_->idle_connection_lifetime};
}

void exchange::resumed(boost::system::error_code waited) {
  if (const expiry passed = timer_.resumed(waited); passed != expiry::none)
    throw error(failure_kind::timeout, timer_.limits().describe(passed, peer(), parser_->how_far()));
}

std::string exchange::peer() const {
  return request_->url.host_and_port();
}

namespace {

constexpr std::size_t most_spare = 1024;

struct spare_exchanges final : loop_state::extension {
  spare_exchanges() { all.reserve(most_spare); }
  std::vector<std::unique_ptr<exchange>> all;
};

}  // namespace

lease::lease(loop_state& loop) : loop_(&loop) {
  loop.enter();
  try {
    auto& spare = loop.extended<spare_exchanges>().all;
    if (spare.empty()) {
      exchange_ = std::make_unique<exchange>(loop);
    } else {
      exchange_ = std::move(spare.back());
      spare.pop_back();
    }
  } catch (...) {
    loop.leave();
    throw;
  }
}

lease::~lease() {
  if (!exchange_) return;
  if (!loop_->owned_by_this_thread()) {
    // Continued on a second thread, which is refused: what the first thread may be using now is left alone, at the
    // price of never being freed.
    static_cast<void>(exchange_.release());
    return;
  }
  exchange_->end();
  auto& spare = loop_->extended<spare_exchanges>().all;
  if (spare.size() < spare.capacity()) spare.push_back(std::move(exchange_));
  loop_->leave();
}

}  // namespace fanout::http
