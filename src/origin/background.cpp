#include <fanout/origin/background.hpp>

#include <boost/asio/post.hpp>

namespace fanout::origin {

background::background(options settings) : server_(loop_, std::move(settings)), thread_([this] { loop_.run(); }) {}

background::~background() {
  close();
}

void background::close() {
  if (!thread_.joinable()) return;
  asio::post(loop_, [this] { server_.close(); });
  thread_.join();
}

}  // namespace fanout::origin
