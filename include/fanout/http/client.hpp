#pragma once

#include <fanout/base/saturated_time.hpp>
#include <fanout/base/task.hpp>
#include <fanout/http/client_options.hpp>
#include <fanout/http/request.hpp>
#include <fanout/http/response.hpp>
#include <fanout/http/response_stream.hpp>

#include <memory>
#include <string>
#include <string_view>

/// \file
/// The HTTP/1.1 client.
namespace fanout::http {

class in_place_messages;  // detail/send_in_place.hpp

/// An HTTP/1.1 client with keep-alive, over http and https.
///
/// ```cpp
/// fanout::task<std::string> page(std::string url) {
///   auto response = co_await fanout::http::client::shared().get(url);
///   co_return response.text();
/// }
/// ```
///
/// A client is a handle: copies share its options and TLS settings, and copying is cheap. Open connections belong to
/// the event loop an exchange runs on, and are shared by all clients with the same TLS settings there. `send` works in
/// any coroutine whose executor is that of a `boost::asio::io_context`, or a strand over one; elsewhere it throws
/// `std::logic_error`. While exchanges are under way, one thread alone may run that `io_context`; a second one gets
/// `std::logic_error`. Open but unused connections keep no `io_context::run()` from returning.
///
/// Failures are thrown as `fanout::error`: `dns`, `connect`, `tls`, `timeout`, `protocol`, `too_large`,
/// `invalid_request`, `refused_by_policy`. A cancelled exchange (Asio's terminal cancellation) closes its connection
/// and throws `boost::system::system_error` with `operation_aborted`.
///
/// Thread safety: all members may be called from any thread. Destroying a client does not disturb exchanges under way.
class client {
 public:
  explicit client(client_options options = {});

  /// GET of `url`. A malformed URL fails when the task is awaited.
  task<response> get(std::string url) const;
  task<response> send(request what) const;
  /// As `send`, but done once the header of the response is there; the body is read from the stream. Redirects are
  /// followed as by `send`.
  task<response_stream> open(request what) const;

  const client_options& options() const noexcept;
  /// Reads the files that the options name for TLS now, and not for the first connection that needs them. Throws a
  /// `fanout::error` of kind `tls` that names the file which cannot be used.
  void read_tls_files() const;

  /// The client with default options.
  static const client& shared();

  struct core;

 private:
  friend task<void> send_in_place(const client& by, in_place_messages& messages);  // detail/send_in_place.hpp
  std::shared_ptr<const core> core_;
};

/// Blocking, as `requests.get`: drives the same coroutine on a private loop of the calling thread, where connections
/// stay open for the next call. Starts no thread.
response get(std::string_view url);
response send(request what);
response send(const client& through, request what);

}  // namespace fanout::http
