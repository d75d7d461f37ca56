#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Digest authentication (RFC 7616).
namespace fanout::http {

/// What a server asks for: the values of a Digest challenge.
struct digest_challenge {
  enum class hash { md5, sha256, sha512_256 };
  std::string realm;
  std::string nonce;
  std::optional<std::string> opaque;
  hash algorithm = hash::md5;
  std::string algorithm_name;  ///< as it was written; empty where it was not
  bool session = false;        ///< "-sess"
  bool qop_auth = false;       ///< without it, as RFC 2069 had it
  bool stale = false;          ///< the nonce is too old; the password may be right
  bool hash_user = false;      ///< `userhash`
};

/// The best of the Digest challenges in the values of WWW-Authenticate: SHA-512-256 and SHA-256 before MD5. None where
/// there is none that can be met; `auth-int` alone, and other algorithms, cannot.
std::optional<digest_challenge> parse_digest_challenge(const std::vector<std::string_view>& values);

/// Whether one of the challenges in the values of WWW-Authenticate is of Basic authentication (RFC 7617).
bool asks_for_basic(const std::vector<std::string_view>& values);

/// Who asks, and for what.
struct digest_request {
  std::string_view user;
  std::string_view password;
  std::string_view method;
  std::string_view target;
  std::string_view client_nonce;
  std::uint32_t count;  ///< of requests with this nonce, from 1
};

/// The value of Authorization. Throws a `fanout::error` of kind `invalid_request` when the system refuses the hash.
std::string digest_authorization(const digest_challenge& challenge, const digest_request& asked);

/// A user, and the challenges of the origins that have asked for one: later requests to them say who asks at once.
///
/// Thread safety: all members may be called from any thread.
class digest_login {
 public:
  /// "user:password". Throws a `fanout::error` of kind `invalid_request` for what cannot be sent.
  explicit digest_login(std::string_view user_and_password);

  void learn(std::string_view origin, digest_challenge challenge);
  /// The value of Authorization; none for an origin that has not asked.
  std::optional<std::string> authorization_for(std::string_view origin, std::string_view method,
                                               std::string_view target);

 private:
  struct session {
    digest_challenge challenge;
    std::string client_nonce;
    std::uint32_t count = 0;
  };
  const std::string user_;
  const std::string password_;
  std::mutex lock_;
  std::map<std::string, session, std::less<>> sessions_;
};

}  // namespace fanout::http
