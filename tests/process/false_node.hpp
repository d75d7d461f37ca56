#pragma once

#include <fanout/process/nodes.hpp>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace fanout::test {

/// A link whose node is a function of this test: it is given each message and a way to answer.
class false_node final : public node_link {
 public:
  using reply = std::function<void(std::string)>;
  using behaviour = std::function<void(std::string, const reply&)>;
  explicit false_node(behaviour behave) : behave_(std::move(behave)) {}
  ~false_node() override { abandon(); }

  void start(node_receiver& to) override {
    thread_ = std::jthread([this, &to](const std::stop_token& stop) {
      std::unique_lock lock(mutex_);
      while (changed_.wait(lock, stop, [&] { return !sent_.empty(); })) {
        std::string message = std::move(sent_.front());
        sent_.pop_front();
        lock.unlock();
        behave_(std::move(message), [&](std::string answer) { to.on_message(std::move(answer)); });
        lock.lock();
      }
    });
  }
  void send(std::string message) override {
    const std::lock_guard lock(mutex_);
    sent_.push_back(std::move(message));
    changed_.notify_all();
  }
  void end() override {}
  void abandon() noexcept override {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  const behaviour behave_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::string> sent_;
  std::jthread thread_;
};

}  // namespace fanout::test
