#include "process/channel/wire.hpp"

#include <fanout/process/codec.hpp>
#include <fanout/process/error_with.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace fanout::detail {

std::optional<std::string_view> take_bytes(std::string_view& bytes, std::uint64_t count) {
  if (bytes.size() < count) return std::nullopt;
  const auto taken = bytes.substr(0, count);
  bytes.remove_prefix(count);
  return taken;
}

std::optional<received_results> take_results(std::string_view& payload) {
  std::string_view rest = payload;
  received_results taken;
  const auto header = take_raw<results_header>(rest);
  if (!header || header->count == 0 || (header->count > 1 && !header->ok)) return std::nullopt;
  taken.header = *header;
  if (header->count > 1) {
    const auto ends = take_bytes(rest, std::uint64_t{header->count} * sizeof(std::uint32_t));
    if (!ends) return std::nullopt;
    taken.ends = *ends;
  }
  const auto values = encoded_view::take(rest, header->count, header->each);
  if (!values) return std::nullopt;
  taken.values = *values;
  payload = rest;
  return taken;
}

frame_writer::frame_writer(std::string& bytes, frame_type type) : bytes_(bytes), header_at_(bytes.size()), type_(type) {
  append_raw(bytes_, frame_header{0, type});
}

void frame_writer::close(std::size_t following) {
  const std::size_t payload = payload_bytes() + following;
  if (payload > max_frame_bytes) throw error(too_large_to_send());
  const frame_header header{static_cast<std::uint32_t>(payload), type_};
  std::memcpy(bytes_.data() + header_at_, &header, sizeof header);
}

char* frame_reader::prepare(std::size_t bytes) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - end_ < bytes && begin_ > 0) {
    buffer_.erase(0, begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < bytes) buffer_.resize(std::max(end_ + bytes, buffer_.size() * 2));
  return buffer_.data() + end_;
}

void append_function(std::string& bytes, std::uint32_t number, const remote_callable& function, bool vital) {
  frame_writer told(bytes, frame_type::function);
  append_raw(bytes, function_frame{.number = number,
                                   .name_bytes = static_cast<std::uint32_t>(function.name.size()),
                                   .vital = vital ? 1U : 0U});
  bytes += function.name;
  bytes += function.context;
  told.close();
}

std::optional<frame_reader::frame> frame_reader::next() {
  const auto seen = peek();
  if (seen) pop();
  return seen;
}

std::span<char> frame_reader::room(std::size_t bytes) {
  if (large_popped_) {
    large_.reset();
    large_popped_ = false;
  }
  if (!large_) {
    std::string_view received(buffer_.data() + begin_, end_ - begin_);
    const auto header = take_raw<frame_header>(received);
    if (!header || !header->possible() || header->bytes < least_large_ || header->bytes == 0 ||
        header->bytes > most_large || received.size() >= header->bytes)
      return {prepare(bytes), bytes};
    large_ = std::make_unique_for_overwrite<char[]>(header->bytes);
    large_header_ = *header;
    std::memcpy(large_.get(), received.data(), received.size());
    large_filled_ = received.size();
    begin_ = end_ = 0;
  }
  return {large_.get() + large_filled_, large_header_.bytes - large_filled_};
}

std::unique_ptr<char[]> frame_reader::take_large() {
  return large_popped_ ? std::move(large_) : nullptr;
}

void frame_reader::pop() {
  if (large_under_way()) {
    large_popped_ = true;
    return;
  }
  frame_header header;
  std::memcpy(&header, buffer_.data() + begin_, sizeof header);
  begin_ += sizeof header + header.bytes;
}

std::optional<frame_reader::frame> frame_reader::peek() const {
  if (large_under_way()) {
    if (large_filled_ < large_header_.bytes) return std::nullopt;
    return frame{large_header_.type, {large_.get(), large_header_.bytes}};
  }
  std::string_view received(buffer_.data() + begin_, end_ - begin_);
  const auto header = take_raw<frame_header>(received);
  if (!header) return std::nullopt;
  if (!header->possible()) throw error(failure_kind::protocol, "bytes that are no frame came from another process");
  const auto payload = take_bytes(received, header->bytes);
  if (!payload) return std::nullopt;
  return frame{header->type, *payload};
}

std::string mismatch(const hello_frame& said, std::string_view peer) {
  if (said.magic != wire_magic || said.version != wire_version)
    return fmt::format("the {} speaks another protocol", peer);
  if (said.build != own_build())
    return fmt::format("the {} is another build of the program: {}, and this one is {}", peer, to_string(said.build),
                       to_string(own_build()));
  return {};
}

void check_hello(std::string_view payload) {
  const auto hello = take_raw<hello_frame>(payload);
  const std::string why = hello ? mismatch(*hello, "worker process") : "the worker process said no hello";
  if (!why.empty()) throw error(failure_kind::protocol, why);
}

void encode_held(const std::vector<held_span>& spans, std::string& bytes) {
  for (const held_span& each : spans) {
    append_raw(bytes, std::int64_t{each.from.time_since_epoch().count()});
    append_raw(bytes, std::int64_t{each.to.time_since_epoch().count()});
  }
}

std::optional<std::vector<held_span>> decode_held(std::string_view bytes) {
  using point = std::chrono::steady_clock::time_point;
  std::vector<held_span> spans;
  while (!bytes.empty()) {
    const auto from = take_raw<std::int64_t>(bytes);
    const auto to = take_raw<std::int64_t>(bytes);
    if (!to) return std::nullopt;
    spans.push_back({point(std::chrono::nanoseconds(*from)), point(std::chrono::nanoseconds(*to))});
  }
  return spans;
}

void encode_failure(const failure& value, std::string& bytes) {
  const carried_value carried = carried_by(value);
  wire_output archive(bytes);
  archive(static_cast<std::uint32_t>(value.kind), value.message, value.type, value.where, value.elapsed.count(),
          value.attempts, value.signal, carried.type, carried.bytes);
}

failure decode_failure(std::string_view bytes) {
  failure value;
  std::uint32_t kind = 0;
  std::int64_t elapsed_ns = 0;
  carried_value carried;
  wire_input archive(bytes);
  archive(kind, value.message, value.type, value.where, elapsed_ns, value.attempts, value.signal, carried.type,
          carried.bytes);
  if (kind > static_cast<std::uint32_t>(failure_kind::task_failed))
    throw error(failure_kind::protocol, "a failure of unknown kind came from another process");
  value.kind = static_cast<failure_kind>(kind);
  value.elapsed = std::chrono::nanoseconds(elapsed_ns);
  restore_error(value, carried.type, carried.bytes);
  return value;
}

}  // namespace fanout::detail
