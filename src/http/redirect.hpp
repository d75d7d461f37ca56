#pragma once

#include <fanout/http/client_options.hpp>
#include <fanout/http/request.hpp>
#include <fanout/http/response.hpp>

#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

/// \file
/// What leads from one request to the next.
namespace fanout::http {

class digest_login;

/// Turns `what` into the request that follows `answer`, a redirect: the new URL, the method that 301, 302 and 303
/// change (RFC 9110 section 15.4), and without credentials once scheme, host or port change. Throws a `fanout::error`
/// of kind `refused_by_policy` when the new URL is not http or https, or `options` do not allow its scheme. A user
/// named in `answer` is not sent over http where the page was https. `options` say what else stays: `keep_post_301` and
/// its relatives, `trust_redirects`.
void follow_redirect(request& what, const response& answer, const client_options& options);

/// The hops of one request: its credentials, the cookies of each hop, and the redirects followed so far. Costs nothing
/// that allocates unless there are cookies or redirects.
class redirect_chain {
 public:
  /// Adds what `options` say to `what`, which must outlive this, as must the options.
  /// `login`: for an origin that asks for Digest authentication; null: nobody.
  redirect_chain(const client_options& options, digest_login* login, request& what);

  /// Before each hop: puts the jar's cookies for it into the request, before the caller's own.
  void prepare();
  /// After each hop: stores its cookies; true when it was a redirect and the request is the next one now. Throws a
  /// `fanout::error` of kind `refused_by_policy` when it may not be followed: one too many, back to a request that was
  /// sent before, or to what is neither http nor https.
  bool follow(response& answer);
  /// True when the answer was a challenge that the request meets now: of Digest authentication, or of Basic where
  /// `client_options::basic_if_asked` says so.
  bool authenticate(const response& answer);
  /// The redirects followed, for the last answer.
  std::vector<hop> take_history() noexcept { return std::move(history_); }
  int followed() const noexcept { return static_cast<int>(history_.size()); }

 private:
  std::string state() const;
  void log_in();
  bool log_in_plainly(const response& answer);
  void ask_for_authorization();
  void refer_to(const url& from);

  const client_options& options_;
  digest_login* login_;
  request& what_;
  std::string login_origin_;  ///< of the request's own URL; empty without `login_`
  int logins_ = 0;
  std::string own_cookies_;                  ///< the caller's Cookie header, for the first origin alone
  std::vector<hop> history_;                 ///< the answers that led on
  std::unordered_set<std::string> visited_;  ///< the requests that led to them
};

}  // namespace fanout::http
