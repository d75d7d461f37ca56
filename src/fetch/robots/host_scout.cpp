#include "fetch/robots/host_scout.hpp"

#include <fanout/async/sleep.hpp>
#include <fanout/base/failure.hpp>
#include <fanout/http/address_of.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <csignal>
#include <exception>
#include <utility>

namespace fanout::fetch {
namespace {

constexpr int robots_redirects = 5;
constexpr std::chrono::milliseconds longest_for_robots{30'000};

http::client client_for_robots(const http::client& like) {
  http::client_options own = like.options();
  own.max_redirects = robots_redirects;
  own.total_timeout = std::min<std::chrono::milliseconds>(own.total_timeout, longest_for_robots);
  own.cookies = nullptr;
  own.authorization.clear();
  own.digest.clear();
  return http::client(std::move(own));
}

/// As much of the body as counts.
task<std::string> first_of_body(http::response_stream& page) {
  std::string text;
  while (text.size() <= robots_rules::longest_text) {
    auto reading = page.next_piece();
    const std::string_view piece = co_await std::move(reading);
    if (piece.empty()) break;
    text += piece;
  }
  co_return text;
}

}  // namespace

host_scout::host_scout(const http::client& with, options how, std::function<void(finding)> found)
    : how_(std::move(how)),
      found_(std::move(found)),
      robots_client_(client_for_robots(with)),
      loop_(1),
      work_(loop_.get_executor()) {
  // Signals are for the program's own threads to handle.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { loop_.run(); });
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

host_scout::~host_scout() {
  loop_.stop();
  thread_.join();
}

void host_scout::ask(std::string host, std::string origin) {
  boost::asio::post(loop_, [this, what = question{std::move(host), std::move(origin)}]() mutable {
    waiting_.push_back(std::move(what));
    begin_more();
  });
}

void host_scout::begin_more() {
  while (under_way_ < how_.at_once && !waiting_.empty()) {
    ++under_way_;
    question next = std::move(waiting_.front());
    waiting_.pop_front();
    boost::asio::co_spawn(loop_, answer(std::move(next)), boost::asio::detached);
  }
}

task<void> host_scout::answer(question what) {
  finding made;
  made.host = what.host;
  if (how_.addresses) {
    try {
      auto looking_up = http::address_of(robots_client_.options(), what.origin);
      made.address = co_await std::move(looking_up);
    } catch (const std::exception&) {
      made.address.clear();  // its requests say why
    }
  }
  if (how_.robots) {
    auto reading = read_robots(what.origin, made);
    co_await std::move(reading);
  }
  found_(std::move(made));
  --under_way_;
  begin_more();
}

task<void> host_scout::read_robots(std::string origin, finding& into) {
  std::chrono::milliseconds pause = how_.first_pause;
  for (std::uint32_t tried = 1;; ++tried) {
    int status = 0;
    std::string text;
    try {
      http::request what;
      what.url = http::url(origin + "/robots.txt");
      if (!how_.user_agent.empty()) what.headers.add("User-Agent", how_.user_agent);
      auto opening = robots_client_.open(std::move(what));
      http::response_stream page = co_await std::move(opening);
      status = page.status();
      auto reading = first_of_body(page);
      text = co_await std::move(reading);
    } catch (const error& failed) {
      // Too many redirects: as if there were none. What was read of a body that broke counts as none either way.
      status = failed.kind() == failure_kind::refused_by_policy ? 404 : 0;
    } catch (const std::exception&) {
      status = 0;  // the host is not kept waiting for ever
    }
    into.robots_failed = status == 0 || status >= 500;
    if (!into.robots_failed || tried >= how_.tries) {
      into.robots = std::make_shared<const robots_rules>(robots_rules::of_response(status, text, how_.product));
      co_return;
    }
    auto pausing = sleep(pause);
    co_await std::move(pausing);
    pause *= 2;
  }
}

}  // namespace fanout::fetch
