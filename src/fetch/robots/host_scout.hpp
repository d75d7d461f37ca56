#pragma once

#include <fanout/fetch/robots.hpp>
#include <fanout/http/client.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

/// \file
/// What a job has to know of a host before it fetches from it.
namespace fanout::fetch {

/// Looks up the addresses of hosts, and reads their robots.txt, on a thread of its own that begins with the object.
///
/// robots.txt (RFC 9309, 2.3): up to five redirects are followed, to other hosts, too, and the rules count for the host
/// that was asked; more of them mean that there are none. 500 KiB are read. Where no answer came, or a status of 500
/// and above, the request is sent again, after 1 s and twice as long each time, as often as `tries` says; then nothing
/// is allowed.
///
/// Thread safety: `ask` on any thread. Destroying it ends what is under way; `found` is not called any more then.
class host_scout {
 public:
  struct options {
    bool addresses = false;          ///< look them up
    bool robots = false;             ///< read robots.txt
    std::string product = "fanout";  ///< the crawler's name in robots.txt
    std::string user_agent = {};     ///< sent; empty: the client's
    std::uint32_t tries = 2;         ///< of robots.txt
    std::chrono::milliseconds first_pause{1'000};
    std::size_t at_once = 128;  ///< hosts
  };
  struct finding {
    std::string host;                            ///< as it was asked for
    std::string address;                         ///< empty: not looked up, or there is none
    std::shared_ptr<const robots_rules> robots;  ///< null: not read
    bool robots_failed = false;                  ///< nothing is allowed, as no answer came
  };

  /// `found` is called on the scout's thread, once for each host that was asked for. It must not throw.
  host_scout(const http::client& with, options how, std::function<void(finding)> found);
  host_scout(const host_scout&) = delete;
  host_scout& operator=(const host_scout&) = delete;
  ~host_scout();

  /// `origin` is "http://host:port".
  void ask(std::string host, std::string origin);

 private:
  struct question {
    std::string host;
    std::string origin;
  };

  void begin_more();
  task<void> answer(question what);
  task<void> read_robots(std::string origin, finding& into);

  const options how_;
  const std::function<void(finding)> found_;
  http::client robots_client_;
  std::deque<question> waiting_;  ///< of the scout's thread, as all below
  std::size_t under_way_ = 0;
  boost::asio::io_context loop_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace fanout::fetch
