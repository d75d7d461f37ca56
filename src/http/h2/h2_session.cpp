#include "http/h2/h2_session.hpp"

#include <boost/system/error_code.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace fanout::http {
namespace {

using clock = std::chrono::steady_clock;

// What is collected before the socket is tried: a whole turn's frames, mostly.
constexpr std::size_t most_collected = 64 * 1024;
// Reads in one turn; then others have theirs.
constexpr int most_reads_in_turn = 16;
// What a buffer keeps of its capacity while nothing is under way.
constexpr std::size_t most_kept_capacity = 4096;

}  // namespace

void h2_session::begin_on(loop_state& loop, session& owner, std::size_t most_streams) {
  owner.protocol = std::make_unique<h2_session>(loop, owner, most_streams);
}

h2_session::h2_session(loop_state& loop, session& owner, std::size_t most_streams)
    : loop_(loop),
      owner_(owner),
      most_streams_(std::max<std::size_t>(most_streams, 1)),
      framing_(loop.memory_of_h2(), *this),
      last_heard_(clock::now()) {
  // RFC 9113 section 6.5.2: until the peer says otherwise there is no limit; it is asked not to be less than 100.
  owner_.most_streams = std::min<std::size_t>(most_streams_, 100);
  owner_.wire.socket.use_by(this);
  owner_.wire.socket.ask_turn();
}

h2_session::~h2_session() {
  owner_.wire.socket.use_by(nullptr);
  if (ended_ || blocked_) return;
  // It need not arrive.
  try {
    framing_.say_goodbye();
    if (framing_.collect(out_, most_collected))
      static_cast<void>(owner_.wire.write_some(std::string_view(out_).substr(written_)));
  } catch (const std::exception&) {
    return;
  }
}

bool h2_session::begin(std::span<const nghttp2_nv> fields, bool body, h2_events& events) {
  if (ended_) return false;
  const auto now = clock::now();
  if (!asking_ && !framing_.any_stream() && framing_.greeted() && now - last_heard_ >= trusted_for) {
    framing_.ping();
    asking_ = true;
    loop_.deadlines().arm(silence_, now + answer_within);
  }
  if (asking_)
    held_.push_back({fields, body, &events});
  else if (!framing_.submit(fields, body, events)) {
    retire();
    return false;
  }
  owner_.wire.socket.ask_turn();
  return true;
}

void h2_session::resume_body(h2_events& events) {
  framing_.resume_body(events);
  owner_.wire.socket.ask_turn();
}

void h2_session::drop(h2_events& events, std::uint32_t code) noexcept {
  std::erase_if(held_, [&](const request_to_come& each) { return each.events == &events; });
  if (events.stream_id() == 0) return;
  framing_.drop(events, code);
  if (!ended_) owner_.wire.socket.ask_turn();
}

void h2_session::consumed(const h2_events& events, std::size_t bytes, std::int32_t least) noexcept {
  framing_.consumed(events, bytes, least);
  if (!ended_ && framing_.wants_to_send()) owner_.wire.socket.ask_turn();
}

void h2_session::calm_down() noexcept {
  loop_.pool().calm_down(owner_);
}

void h2_session::refuse_multiplexing() {
  loop_.pool().refuse_multiplexing(owner_);
}

// The loop may have stood still since the last stream was given back, so what lies in the socket is read first.
bool h2_session::stands() noexcept {
  if (ended_ || owner_.wire.socket.ended()) return false;
  try {
    now_ = clock::now();
    return read() && !ended_ && framing_.takes_requests();
  } catch (const std::exception&) {
    return false;
  }
}

void h2_session::on_turn() noexcept {
  try {
    run_turn();
  } catch (const std::exception& failed) {
    end(false, failed.what());
  }
  // The last statement: the pool may destroy this.
  if (ended_ || framing_.going_away()) loop_.pool().drain(owner_);
}

void h2_session::run_turn() {
  if (ended_) return;
  now_ = clock::now();
  if (owner_.wire.socket.take_ready(writable)) blocked_ = false;
  const bool came = owner_.wire.socket.take_ready(readable);
  if (came) blocked_ = false;  // TLS may have waited for that to write
  if (came && !read()) {
    write();  // why it ends, for the peer
    return end(false, framing_.why());
  }
  if (!write()) return;
  if (framing_.over()) end(false, framing_.why());
}

// False when nothing more is to be read.
bool h2_session::read() {
  connection& wire = owner_.wire;
  for (int reads = 0; reads < most_reads_in_turn; ++reads) {
    const auto buffer = loop_.scratch(0);
    const io_result result = wire.read_some(buffer);
    if (result.state == io_state::want_read) return true;
    if (result.state == io_state::want_write) {
      blocked_ = true;
      return true;
    }
    if (result.state != io_state::done) {
      if (why_.empty() && result.state == io_state::failed)
        why_ = result.error != 0 ? boost::system::system_category().message(result.error) : wire.tls->failure();
      return false;
    }
    last_heard_ = now_;
    if (!framing_.feed({buffer.data(), result.bytes}, now_)) return false;
    // A read that did not fill its buffer emptied the socket; TLS may hold more than it gave.
    if (!wire.tls && result.bytes < buffer.size() && !wire.socket.ended()) return true;
  }
  wire.socket.leave_unread();
  wire.socket.ask_turn();
  return true;
}

// False when the connection is broken.
bool h2_session::write() {
  while (!blocked_) {
    if (written_ == out_.size()) {
      out_.clear();
      written_ = 0;
      if (out_.capacity() > most_collected * 2) out_.shrink_to_fit();
    }
    if (out_.size() - written_ < most_collected && !framing_.collect(out_, most_collected)) {
      end(false, framing_.why());
      return false;
    }
    if (written_ == out_.size()) break;
    const io_result result = owner_.wire.write_some(std::string_view(out_).substr(written_));
    if (result.state == io_state::done) {
      written_ += result.bytes;
    } else if (result.state == io_state::want_write || result.state == io_state::want_read) {
      blocked_ = true;
    } else {
      // What the peer said before it closed is still there to be read, also where the poller has not seen it yet.
      while (read() && !blocked_ && owner_.wire.socket.take_ready(readable)) {
      }
      end(false, result.error != 0 ? boost::system::system_category().message(result.error) : std::string{});
      return false;
    }
  }
  if (out_.empty() && out_.capacity() > most_kept_capacity && !framing_.any_stream()) out_.shrink_to_fit();
  return true;
}

void h2_session::on_most_streams(std::size_t most) {
  loop_.pool().set_most_streams(owner_, std::min(most, most_streams_));
}

void h2_session::on_pong() {
  if (!std::exchange(asking_, false)) return;
  loop_.deadlines().disarm(silence_);
  std::vector<request_to_come> held;
  held.swap(held_);
  for (const auto& each : held)
    if (!framing_.submit(each.fields, each.body, *each.events))
      each.events->on_lost({0, true, true, true, framing_.why()});
}

void h2_session::on_silence() noexcept {
  end(true, "it did not answer after a pause");
  loop_.pool().drain(owner_);
}

void h2_session::end(bool unprocessed, std::string why) {
  if (std::exchange(ended_, true)) return;
  if (why_.empty()) why_ = std::move(why);
  loop_.deadlines().disarm(silence_);
  asking_ = false;
  std::vector<request_to_come> held;
  held.swap(held_);
  for (const auto& each : held) each.events->on_lost({framing_.goaway_code(), true, true, true, why_});
  framing_.lose_all(unprocessed, why_);
}

void h2_session::retire() noexcept {
  loop_.pool().drain(owner_);
}

}  // namespace fanout::http
