#include <fanout/base/failure.hpp>
#include <fanout/http/client.hpp>
#include <fanout/http/detail/send_in_place.hpp>
#include <fanout/http/exchange_observer.hpp>

#include "http/connect/open_connection.hpp"
#include "http/connect/transport.hpp"
#include "http/exchange.hpp"
#include "http/loop/loop_state.hpp"
#include "http/message/digest.hpp"
#include "http/redirect.hpp"
#include "http/response_stream.hpp"
#include "http/tls/tls_context.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>

namespace fanout::http {

/// What all copies of a client share; never changes.
struct client::core {
  explicit core(client_options given);

  client_options options;
  std::shared_ptr<const tls_context> tls;
  const http::transport& transport;
  const std::unique_ptr<digest_login> login;  ///< null: none
};

namespace {

// A failure with what is known of the whole exchange.
[[noreturn]] void raise_measured(const error& thrown, const exchange& ex) {
  failure what = thrown.failure();
  what.elapsed = exchange::clock::now() - ex.started();
  what.attempts = std::max(1, ex.measured().attempts);
  throw error(std::move(what));
}

// Takes the response of a hop. Null: there is another hop, and `what` is its request.
template <bool streams>
response* finish_hop(exchange& ex, redirect_chain& hops, const request& what) {
  response& answer = streams && !ex.kept_whole() ? ex.take_head() : ex.take_response();
  if (what.observer) what.observer->on_response(answer);
  const bool again = hops.authenticate(answer);
  if (!again && !hops.follow(answer)) return &answer;
  if (!again) ++ex.measured().redirects;
  if (streams) ex.release();  // what is left of its body nobody wants
  return nullptr;
}

/// A request that the caller gave, and whose whole response he gets.
struct given_whole {
  using result = response;
  static constexpr bool streams = false;

  request what;

  request& prepare(exchange&) { return what; }
  response conclude(const std::shared_ptr<const client::core>&, exchange_lease&, response& answer) {
    answer.url = std::move(what.url);
    return std::move(answer);
  }
};

/// The same, whose response is read bit by bit.
struct given_streamed {
  using result = response_stream;
  static constexpr bool streams = true;

  request what;

  request& prepare(exchange& ex) {
    ex.stream_body();
    return what;
  }
  response_stream conclude(const std::shared_ptr<const client::core>& core, exchange_lease& held, response& answer) {
    answer.url = what.url;
    std::shared_ptr<const client_options> options(core, &core->options);
    (*held).end_hops();
    response head = std::move(answer);
    return response_stream(std::make_unique<response_stream::state>(std::move(options), std::move(held),
                                                                    std::move(what), std::move(head)));
  }
};

/// Both messages lie in the exchange.
struct in_place {
  using result = void;
  static constexpr bool streams = false;

  in_place_messages& messages;
  request* what = nullptr;

  request& prepare(exchange& ex) {
    what = &ex.blank_request();
    messages.fill(*what);
    return *what;
  }
  void conclude(const std::shared_ptr<const client::core>&, exchange_lease&, response& answer) {
    messages.take(answer, what->url);
  }
};

// The whole client, seen from above: every hop of a request, on an open session if there is one. On an open
// session this is the only coroutine frame, and the wait for the response the only suspension. `Messages` says where
// the request and the response are.
//
// What is large lies in the exchange: Asio uses frames again up to 1,020 bytes, and larger ones cost several hundred
// instructions of malloc and free.
template <class Messages>
task<typename Messages::result> exchange_all(std::shared_ptr<const client::core> core, Messages messages) {
  constexpr bool streams = Messages::streams;
  const auto executor = co_await asio::this_coro::executor;
  exchange_lease held(loop_state::of(executor));
  exchange& ex = *held;
  ex.begin(core->options);
  request& what = messages.prepare(ex);
  try {
    redirect_chain& hops = ex.hops(core->options, core->login.get(), what);
    hops.prepare();
    for (;;) {
      ex.prepare(what, core->options.user_agent, core->transport.to(what.url, core->tls.get()));
      for (step next = step::again; next == step::again;) {
        if (!ex.take_open()) {
          auto opening = open_connection(ex.connecting());
          auto granted = co_await std::move(opening);
          ex.use(std::move(granted));
        }
        next = ex.advance();
        while (next == step::want_body || waits_for(next) != 0) {
          if (next != step::want_body) {
            auto ready = ex.wait(next);
            const auto [failed] = co_await std::move(ready);
            ex.resumed(failed);
          } else {
            auto pulling = ex.pull_body();
            co_await std::move(pulling);
          }
          next = ex.advance();
        }
        if (!streams || next == step::again) ex.release();
      }
      response* const answer = finish_hop<streams>(ex, hops, what);
      if (answer == nullptr) continue;
      answer->history = hops.take_history();
      if constexpr (std::is_void_v<typename Messages::result>) {
        messages.conclude(core, held, *answer);
        co_return;
      } else {
        co_return messages.conclude(core, held, *answer);
      }
    }
  } catch (const error& thrown) {
    if (!streams && what.observer) ex.tell_cut();
    raise_measured(thrown, ex);
  }
}

task<response> failed_task(std::exception_ptr why) {
  std::rethrow_exception(why);
  co_return response{};
}

}  // namespace

client::core::core(client_options given)
    : options(std::move(given)),
      tls(tls_context::shared(tls_settings::of(options))),
      transport(http::transport::shared(options)),
      login(options.digest.empty() ? nullptr : std::make_unique<digest_login>(options.digest)) {
  if (options.user_agent.empty()) options.user_agent = "fanout/" FANOUT_VERSION;
}

client::client(client_options options) : core_(std::make_shared<const core>(std::move(options))) {}

task<response> client::get(std::string address) const {
  request what;
  try {
    what.url = url(address);
  } catch (const error&) {
    return failed_task(std::current_exception());
  }
  return exchange_all(core_, given_whole{std::move(what)});
}

task<response> client::send(request what) const {
  return exchange_all(core_, given_whole{std::move(what)});
}

task<response_stream> client::open(request what) const {
  return exchange_all(core_, given_streamed{std::move(what)});
}

task<void> send_in_place(const client& by, in_place_messages& messages) {
  return exchange_all(by.core_, in_place{messages});
}

const client_options& client::options() const noexcept {
  return core_->options;
}

void client::read_tls_files() const {
  for (const auto& tls : {tls_settings::of(core_->options), tls_settings::of_proxy(core_->options)})
    if (!tls.ca_file.empty() || !tls.certificate_file.empty()) tls_context::shared(tls)->native();
}

const client& client::shared() {
  static const client one;
  return one;
}

response get(std::string_view address) {
  request what;
  what.url = url(address);
  return send(std::move(what));
}

response send(request what) {
  return send(client::shared(), std::move(what));
}

response send(const client& through, request what) {
  static thread_local asio::io_context loop(1);
  std::optional<response> result;
  std::exception_ptr failed;
  asio::co_spawn(loop, through.send(std::move(what)), [&](std::exception_ptr thrown, response answer) {
    failed = std::move(thrown);
    if (!failed) result.emplace(std::move(answer));
  });
  loop.restart();
  loop.run();
  if (failed) std::rethrow_exception(failed);
  return std::move(*result);
}

}  // namespace fanout::http
