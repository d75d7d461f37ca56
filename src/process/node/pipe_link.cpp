#include <fanout/base/failure.hpp>
#include <fanout/process/nodes.hpp>

#include "process/node/message_pipe.hpp"

#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace fanout {
namespace {

class pipe_link final : public node_link {
 public:
  pipe_link(detail::owned_descriptor in, detail::owned_descriptor out) : pipe_(std::move(in), std::move(out)) {}
  pipe_link(const pipe_link&) = delete;
  pipe_link& operator=(const pipe_link&) = delete;
  ~pipe_link() override { abandon(); }

  void start(node_receiver& to) override {
    reader_ = std::thread([this, &to] { read(to); });
  }
  void send(std::string message) override { pipe_.send(std::move(message)); }
  void end() override { pipe_.end(); }
  void abandon() noexcept override {
    pipe_.stop();
    const std::lock_guard lock(joining_);
    if (reader_.joinable()) reader_.join();
  }

 private:
  void read(node_receiver& to) {
    std::string why = "it closed its end";
    try {
      while (auto message = pipe_.receive()) to.on_message(*std::move(message));
    } catch (const std::exception& failed) {
      why = failed.what();
    }
    to.on_end(std::move(why));
  }

  detail::message_pipe pipe_;
  std::mutex joining_;
  std::thread reader_;
};

}  // namespace

std::unique_ptr<node_link> node_over(detail::owned_descriptor from_node, detail::owned_descriptor to_node) {
  return std::make_unique<pipe_link>(std::move(from_node), std::move(to_node));
}

}  // namespace fanout
