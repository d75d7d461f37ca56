#pragma once

#include "http/exchange.hpp"
#include "http/loop_state.hpp"

#include <memory>
#include <utility>

/// \file
namespace fanout::http {

/// An exchange object, borrowed from its loop.
class lease {
 public:
  explicit lease(loop_state& loop) : loop_(&loop) {
    loop.enter();
    try {
      exchange_ = loop.borrow();
    } catch (...) {
      loop.leave();
      throw;
    }
  }
  lease(lease&& other) noexcept : loop_(other.loop_), exchange_(std::move(other.exchange_)) {}
  lease& operator=(lease&&) = delete;
  ~lease() {
    if (!exchange_) return;
    if (!loop_->owned_by_this_thread()) {
      // Continued on a second thread, which is refused: what the first thread may be using now is left alone, at the
      // price of never being freed.
      static_cast<void>(exchange_.release());
      return;
    }
    exchange_->end();
    loop_->give_back(std::move(exchange_));
    loop_->leave();
  }
  exchange& operator*() const noexcept { return *exchange_; }

 private:
  loop_state* loop_;
  std::unique_ptr<exchange> exchange_;
};

}  // namespace fanout::http
