#include "http/exchange.hpp"

#include "http/loop_state.hpp"
#include "http/request_head.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <stdexcept>

namespace fanout::http {
namespace {

// A body up to this size travels behind the header, in the same packet.
constexpr std::size_t small_body = 16 * 1024;
// How often one exchange reads without waiting before others have their turn: a fast body must not keep the loop.
constexpr int most_reads = 16;

std::string reason(int error) {
  return boost::system::system_category().message(error);
}

}  // namespace

exchange::~exchange() {
  end();
}

void exchange::begin(const client_options& options) {
  options_ = &options;
  limits_.begin(options, clock::now());
  expired_ = expiry::none;
  measured_ = {};
}

void exchange::end() noexcept {
  if (connection_) loop_.pool().discard(std::move(connection_));
  loop_.deadlines().disarm(*this);
  parser_.reset();
  opening_socket_ = nullptr;
  opening_names_ = nullptr;
}

void exchange::prepare(const request& what, std::string_view user_agent) {
  request_ = &what;
  head_.clear();
  write_head(head_, what, user_agent, options_->decode_content);
  body_in_head_ = what.body.size() <= small_body;
  if (body_in_head_) head_.append(what.body);
  sent_before_ = false;
}

bool exchange::take_idle(const void* tls) {
  if (sent_before_) return false;
  connection_ = loop_.pool().take({request_->url.origin(), tls}, limits_.last_moved(),
                                  options_->idle_connection_lifetime, !is_idempotent(request_->method));
  if (!connection_) return false;
  opened();
  return true;
}

void exchange::use(std::unique_ptr<connection> fresh, const void* tls) {
  connection_ = std::move(fresh);
  loop_.pool().adopt(*connection_, {request_->url.origin(), tls});
  opened();
}

void exchange::opened() {
  opening_socket_ = nullptr;
  opening_names_ = nullptr;
  limits_.enter(phase::transfer, limits_.now_in() == phase::none ? limits_.last_moved() : clock::now());
  sent_ = 0;
  leftover_.clear();
  write_broken_ = unasked_bytes_ = waiting_for_response_ = false;
  parser_.emplace(*options_, request_->method == "HEAD", request_->keep_body);
  ++measured_.attempts;
  measured_.connection_reused = connection_->used;
  arm();
}

void exchange::opening(phase what, tcp_socket* socket, lookup* names) {
  if (limits_.now_in() != what) {
    limits_.enter(what, clock::now());
    arm();
  }
  opening_socket_ = socket;
  opening_names_ = names;
}

step exchange::advance() {
  step next{};
  if (!write_broken_ && !write_some(next)) return next;
  return read_some();
}

// False when `next` is what the exchange needs before it can go on.
bool exchange::write_some(step& next) {
  const std::size_t whole = head_.size() + (body_in_head_ ? 0 : request_->body.size());
  while (sent_ < whole) {
    const std::string_view rest = sent_ < head_.size() ? std::string_view(head_).substr(sent_)
                                                       : std::string_view(request_->body).substr(sent_ - head_.size());
    const io_result result = connection_->write_some(rest);
    if (result.state == io_state::done) {
      sent_ += result.bytes;
      measured_.bytes_sent += result.bytes;
      if (sent_ < whole) limits_.sent(result.bytes, clock::now());
    } else if (result.state == io_state::want_read || result.state == io_state::want_write) {
      next = result.state == io_state::want_read ? step::want_read : step::want_write;
      return false;
    } else {
      // A server may refuse a body by answering and closing: what it said is still there to be read.
      write_broken_ = true;
      return true;
    }
  }
  limits_.all_sent();
  // The first read after a write finds nothing yet.
  next = step::want_read;
  const bool just_written = sent_ != 0 && !std::exchange(waiting_for_response_, true);
  return !just_written;
}

step exchange::read_some() {
  for (int reads = 0; reads < most_reads; ++reads) {
    const std::span<char> buffer = loop_.scratch(leftover_.size() + 16 * 1024);
    std::copy(leftover_.begin(), leftover_.end(), buffer.begin());
    const io_result result = connection_->read_some(buffer.subspan(leftover_.size()));
    if (result.state == io_state::want_read) return step::want_read;
    if (result.state == io_state::want_write) return step::want_write;
    if (result.state == io_state::failed) return broken(result);
    if (result.state != io_state::done) return at_end(result.state);
    limits_.received(result.bytes, clock::now());
    measured_.bytes_received += result.bytes;

    const std::string_view bytes(buffer.data(), leftover_.size() + result.bytes);
    const auto made = parser_->put(bytes);
    if (made.failed) parser_->raise(peer());
    if (parser_->complete()) {
      unasked_bytes_ = made.used < bytes.size();
      return step::complete;
    }
    leftover_.assign(bytes.substr(made.used));
    if (leftover_.size() > options_->max_header_bytes)  // a chunk's extension may be one endless line
      throw error(failure_kind::too_large,
                  fmt::format("{} sent a line of more than {} bytes", peer(), options_->max_header_bytes));
    // A plain read that did not fill the buffer emptied the socket; TLS may hold more than it gave.
    if (!connection_->tls && bytes.size() < buffer.size()) return step::want_read;
  }
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
  throw error(failure_kind::protocol, fmt::format("{} closed the connection {}", peer(), parser_->how_far()));
}

step exchange::broken(const io_result& result) {
  if (may_send_again()) return step::again;
  if (result.error == 0)
    throw error(failure_kind::tls,
                fmt::format("TLS with {} broke down {}: {}", peer(), parser_->how_far(), connection_->tls->failure()));
  throw error(failure_kind::protocol,
              fmt::format("the connection to {} broke {}: {}", peer(), parser_->how_far(), reason(result.error)));
}

bool exchange::may_send_again() const noexcept {
  return connection_->used && !sent_before_ && !parser_->got_some() && is_idempotent(request_->method);
}

response exchange::take_response() {
  limits_.measure(measured_);
  response result = parser_->take();
  result.measured = measured_;
  return result;
}

void exchange::release_connection() {
  const bool whole_request_sent = sent_ == head_.size() + (body_in_head_ ? 0 : request_->body.size()) && !write_broken_;
  if (!parser_->complete() || !whole_request_sent || unasked_bytes_ || !parser_->keep_alive()) {
    sent_before_ = !parser_->complete();
    loop_.pool().discard(std::move(connection_));
    return;
  }
  loop_.pool().put(std::move(connection_), limits_.last_moved(),
                   {options_->max_idle_connections, options_->max_idle_per_host, options_->idle_connection_lifetime});
}

void exchange::resumed(boost::system::error_code waited) {
  if (!loop_.owned_by_this_thread())
    throw std::logic_error(
        "an exchange of fanout::http began on one thread and was continued on another; "
        "give each thread an io_context of its own");
  if (expired_ != expiry::none) raise_expired();
  if (waited) throw boost::system::system_error(waited);
}

void exchange::arm() {
  loop_.deadlines().arm(*this, limits_.next());
}

// Bytes that move do not move the deadline, they only note the time: so it may not have passed after all.
void exchange::on_deadline() {
  expired_ = limits_.passed(clock::now());
  if (expired_ == expiry::none) return arm();
  boost::system::error_code ignored;
  if (connection_) connection_->socket.cancel(ignored);
  if (opening_socket_) opening_socket_->cancel(ignored);
  if (opening_names_) opening_names_->stop();
}

void exchange::raise_expired() const {
  throw error(failure_kind::timeout,
              limits_.describe(expired_, peer(), parser_ ? parser_->how_far() : "while connecting"));
}

std::string exchange::peer() const {
  const auto& url = request_->url;
  if (url.host().find(':') != std::string_view::npos) return fmt::format("[{}]:{}", url.host(), url.port());
  return fmt::format("{}:{}", url.host(), url.port());
}

}  // namespace fanout::http
