#include "http/response_stream.hpp"

#include <fanout/base/failure.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace fanout::http {

response_stream::response_stream(std::unique_ptr<state> made) noexcept : state_(std::move(made)) {}
response_stream::response_stream(response_stream&& other) noexcept = default;
response_stream& response_stream::operator=(response_stream&& other) noexcept = default;
response_stream::~response_stream() = default;

const response& response_stream::head() const noexcept {
  return state_->head;
}

const headers& response_stream::trailers() const noexcept {
  return state_->head.trailers;
}

task<bool> response_stream::state::fill() {
  exchange& ex = *held;
  if (taken < body().size()) co_return true;
  body().clear();
  taken = 0;
  if (ended) co_return false;
  ex.go_on();
  try {
    for (;;) {
      const step next = ex.advance_body();
      if (ex.exhausted()) break;
      if (!ex.body().empty()) {
        ex.pause();
        co_return true;
      }
      if (next == step::some || next == step::complete) continue;
      if (next == step::want_body) {
        auto pulling = ex.pull_body();
        co_await std::move(pulling);
        continue;
      }
      auto ready = ex.wait(next);
      const auto [failed] = co_await std::move(ready);
      ex.resumed(failed);
    }
  } catch (...) {
    ended = true;
    ex.end_early();
    throw;
  }
  ended = true;
  ex.pause();
  ex.finish(head);
  co_return !ex.body().empty();
}

task<std::size_t> response_stream::read_some(std::span<char> into) {
  auto filling = state_->fill();
  const bool any = co_await std::move(filling);
  if (!any || into.empty()) co_return 0;
  const std::string& body = state_->body();
  const std::size_t count = std::min(into.size(), body.size() - state_->taken);
  std::memcpy(into.data(), body.data() + state_->taken, count);
  state_->taken += count;
  co_return count;
}

task<std::string> response_stream::read_some() {
  auto filling = state_->fill();
  const bool any = co_await std::move(filling);
  if (!any) co_return std::string{};
  std::string rest = std::exchange(state_->body(), {});
  rest.erase(0, std::exchange(state_->taken, 0));
  co_return rest;
}

task<std::string_view> response_stream::next_piece() {
  auto filling = state_->fill();
  const bool any = co_await std::move(filling);
  if (!any) co_return std::string_view{};
  const std::string_view body = state_->body();
  co_return body.substr(std::exchange(state_->taken, body.size()));
}

task<std::string> response_stream::read_all() {
  std::string all;
  for (;;) {
    auto reading = read_some();
    const std::string piece = co_await std::move(reading);
    if (piece.empty()) co_return all;
    all += piece;
  }
}

}  // namespace fanout::http
