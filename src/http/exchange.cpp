#include "http/exchange.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/base/saturated_time.hpp>
#include <fanout/http/exchange_observer.hpp>

#include "http/h1/request_head.hpp"
#include "http/message/blank_message.hpp"

#include <utility>
#include <vector>

namespace fanout::http {
namespace {

// How often a request that servers refuse before they act on it is sent again. What a connection refuses that has
// answered others does not count: a server that takes three requests on each connection takes all of them in the end.
constexpr int most_refusals = 5;

// Of the memory of texts that an exchange keeps for the next one.
constexpr std::size_t most_kept_body = 16 * 1024;
constexpr std::size_t most_kept_header = 4 * 1024;

/// More than is kept for the next one: thousands of exchanges may lie idle.
bool is_large(const response& one) noexcept {
  return one.body.capacity() > most_kept_body || one.reason.size() > most_kept_header ||
         one.headers.bytes() + one.trailers.bytes() > most_kept_header || !one.history.empty();
}
bool is_large(const request& one) noexcept {
  return one.body.capacity() > most_kept_body || one.url.str().size() + one.url.userinfo().size() > most_kept_header ||
         one.method.size() > most_kept_header || one.headers.bytes() > most_kept_header || !one.body_from.empty();
}

}  // namespace

void exchange::begin(const client_options& options) {
  options_ = &options;
  timer_.begin(options);
  streaming_ = false;
  answer_.measured = {};
}

request& exchange::blank_request() {
  if (!own_request_) return own_request_.emplace();
  make_blank(*own_request_);
  return *own_request_;
}

void exchange::end() noexcept {
  give_up_stream();
  timer_.end();
  stream_.end();
  body_.close();
  hops_.reset();
  head_.reset();
  if (is_large(answer_)) {
    const response freed = std::move(answer_);  // to assign an empty one would leave the memory where it is
  }
  if (own_request_ && is_large(*own_request_)) own_request_.reset();
}

void exchange::give_up_stream() noexcept {
  if (!granted_) return;
  const bool session_goes_on = stream_.multiplexed();
  stream_.leave();
  if (session_goes_on)
    loop_.pool().put(std::move(granted_), timer_.limits().last_moved(), limits_of_pool());
  else
    granted_.reset();
}

void exchange::prepare(const request& what, std::string_view user_agent, const route& via) {
  request_ = &what;
  via_ = via;
  user_agent_ = user_agent;
  body_.open(what);
  expects_ = what.expect_continue && body_.any();
  sent_before_ = false;
  refusals_ = 0;
  prepare_stream();
}

void exchange::prepare_stream() {
  stream_.prepare(*request_, {*options_, user_agent_, via_.in_absolute_form ? via_.proxy : nullptr, expects_},
                  via_.may_multiplex);
}

bool exchange::take_open() {
  if (sent_before_) return false;
  granted_ = loop_.pool().take(via_.key, timer_.limits().last_moved(), options_->idle_connection_lifetime,
                               how_to_reuse(), limits_of_pool());
  if (!granted_) return false;
  opened();
  return true;
}

reuse exchange::how_to_reuse() const noexcept {
  return is_idempotent(request_->method) && body_.can_be_sent_again() ? reuse::as_it_is : reuse::looked_at;
}

void exchange::use(stream_grant granted) {
  granted_ = std::move(granted);
  opened();
}

void exchange::opened() {
  timer_.enter_transfer(request_timer::wait_handle(stream_));
  stream_.begin(*granted_, streaming_);
  asked_ = false;
  ++answer_.measured.attempts;
  answer_.measured.connection_reused = granted_->used;
  if (answer_.measured.remote_address != granted_->wire.remote_address)
    answer_.measured.remote_address = granted_->wire.remote_address;
  answer_.measured.tls_version = via_.tls && granted_->wire.tls ? granted_->wire.tls->version() : 0;
  if (request_->observer) tell_observer();
}

void exchange::tell_observer() const {
  const connection& wire = granted_->wire;
  std::string text;  // HTTP/2 has no request line; it is told as if there were one
  if (stream_.multiplexed()) {
    write_head(text, *request_, user_agent_, options_->decode_content, {body_.any(), body_.length(), expects_});
    constexpr std::string_view version = "HTTP/1.1\r\n";
    text.replace(text.find(version), version.size(), "HTTP/2\r\n");
  }
  request_->observer->on_request({stream_.multiplexed() ? std::string_view(text) : stream_.h1_head(),
                                  wire.remote_address, granted_->used,
                                  wire.tls ? wire.tls->description() : std::string(), request_->url.str()});
  if (body_.in_memory()) request_->observer->on_sent_body(request_->body);
}

connect_context exchange::connecting() noexcept {
  return {loop_, timer_, request_->url, via_, limits_of_pool(), sent_before_, how_to_reuse(), request_->observer};
}

// The body is held back until the server asks for it, or has said nothing for a while.
step exchange::advance_asking() {
  if (timer_.woke()) stream_.send_body();
  const step next = stream_.advance();
  if (next == step::lost) return lost();
  if (stream_.holds_body()) {
    // The server cannot be asked: it gets the body unasked (RFC 9110 section 10.1.1).
    if (next == step::complete && stream_.status() == 417) {
      expects_ = false;
      prepare_stream();
      return step::again;
    }
    if (!std::exchange(asked_, true))
      timer_.wake_at(detail::after(timer_.limits().last_moved(), options_->continue_timeout));
  } else if (std::exchange(asked_, false)) {
    timer_.wake_at({});
  }
  return next;
}

step exchange::lost() {
  if (!stream_.unprocessed()) {
    if (may_send_again()) return step::again;
  } else if (body_.can_be_sent_again() && (stream_.others_done() || refusals_ < most_refusals)) {
    refusals_ += !stream_.others_done();
    return step::again;
  }
  stream_.raise_lost(why_not_again());
}

// A server that is not the right one for this host (421, RFC 9110 section 15.5.20) may be where another connection
// leads.
step exchange::completed() {
  const bool misdirected = stream_.multiplexed() && stream_.status() == 421 && granted_->used && !sent_before_;
  if (!misdirected || !body_.can_be_sent_again()) return step::complete;
  sent_before_ = true;
  return step::again;
}

bool exchange::was_stale() const noexcept {
  return granted_->used && !sent_before_ && !stream_.answered() && is_idempotent(request_->method);
}

bool exchange::may_send_again() const noexcept {
  return was_stale() && body_.can_be_sent_again();
}

// Why an exchange that failed on an idle connection was not simply tried again.
const char* exchange::why_not_again() const noexcept {
  return was_stale() ? "; it cannot be tried again, as the request's body can be had only once" : "";
}

task<void> exchange::pull_body() {
  // It is the caller's stream that is waited for, not the server: only the total deadline goes on.
  timer_.pause();
  auto pulling = body_.pull();
  co_await std::move(pulling);
  resumed({});
  timer_.go_on();
}

response& exchange::take_response() {
  timer_.limits().measure(answer_.measured);
  stream_.conclude();
  return answer_;
}

void exchange::tell_cut() {
  if (!granted_ || stream_.complete() || !stream_.has_head()) return;
  take_response().body_cut = true;
  request_->observer->on_cut(answer_);
}

response& exchange::take_head() {
  timer_.limits().measure(answer_.measured);
  timer_.wake_at({});
  return head_.emplace(stream_.take_head());
}

void exchange::moved(const request& what) noexcept {
  request_ = &what;
  stream_.moved(what);
}

step exchange::advance_body() {
  const step next = stream_.advance_body();
  return next == step::lost ? lost() : next;
}

void exchange::finish(response& head) {
  timer_.limits().measure(answer_.measured);
  head.measured = answer_.measured;
  stream_.finish(head);
  release();
}

void exchange::end_early() noexcept {
  pause();
  give_up_stream();
}

void exchange::release() {
  const bool usable = stream_.session_usable();
  if (!stream_.complete() && !stream_.unprocessed()) sent_before_ = true;
  stream_.leave();
  if (usable) return loop_.pool().put(std::move(granted_), timer_.limits().last_moved(), limits_of_pool());
  granted_.reset();
}

pool_limits exchange::limits_of_pool() const noexcept {
  return {options_->max_connections,   options_->max_connections_per_host, options_->max_idle_connections,
          options_->max_idle_per_host, options_->idle_connection_lifetime, via_.may_multiplex};
}

void exchange::raise_expired(expiry which) const {
  throw error(failure_kind::timeout, timer_.limits().describe(which, request_->url.host_and_port(), stream_.how_far()));
}

namespace {

constexpr std::size_t most_spare = 1024;

struct spare_exchanges final : loop_state::extension {
  spare_exchanges() { all.reserve(most_spare); }
  std::vector<std::unique_ptr<exchange>> all;
};

}  // namespace

exchange_lease::exchange_lease(loop_state& loop) : loop_(&loop) {
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

exchange_lease::~exchange_lease() {
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
