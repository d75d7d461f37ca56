#include "http/message/digest.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <utility>

namespace fanout::http {
namespace {

using hash = digest_challenge::hash;

std::string hex(const unsigned char* bytes, std::size_t size) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string made;
  for (std::size_t i = 0; i < size; ++i) made.append({digits[bytes[i] >> 4], digits[bytes[i] & 15]});
  return made;
}

std::string hashed(hash by, std::string_view text) {
  const EVP_MD* const how = by == hash::md5 ? EVP_md5() : by == hash::sha256 ? EVP_sha256() : EVP_sha512_256();
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), bytes.data(), &size, how, nullptr) != 1)
    throw error(failure_kind::invalid_request, "this system refuses the hash that the server's Digest challenge names");
  return hex(bytes.data(), size);
}

std::string in_parameter_quotes(std::string_view text) {
  std::string made = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') made += '\\';
    made += c;
  }
  return made + '"';
}

/// Reads challenges off one value of WWW-Authenticate: `scheme [token68 | name=value, …], scheme …` (RFC 9110 section
/// 11.6.1). That a comma separates both parameters and challenges is why it takes care.
class challenge_reader {
 public:
  explicit challenge_reader(std::string_view text) : rest_(text) {}

  /// The next scheme; empty at the end. Its parameters follow from `parameter`.
  std::string_view scheme() {
    skip(", \t");
    const std::string_view name = token();
    skip(" \t");
    return name;
  }

  /// The next parameter; none where another challenge, or the end, follows.
  std::optional<std::pair<std::string_view, std::string>> parameter() {
    const std::string_view before = rest_;
    skip(", \t");
    const std::string_view name = token();
    skip(" \t");
    if (name.empty() || !rest_.starts_with('=')) {
      rest_ = before;
      return std::nullopt;
    }
    rest_.remove_prefix(1);
    skip(" \t");
    return std::pair(name, value());
  }

  /// What cannot be understood is passed over.
  void pass_over() { rest_.remove_prefix(std::min(rest_.find(','), rest_.size())); }
  bool done() {
    skip(", \t");
    return rest_.empty();
  }

 private:
  void skip(std::string_view blanks) { rest_.remove_prefix(std::min(rest_.find_first_not_of(blanks), rest_.size())); }
  std::string_view token() {
    std::size_t size = 0;
    while (size < rest_.size() && is_token_char(rest_[size])) ++size;
    const std::string_view made = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return made;
  }
  std::string value() {
    if (!rest_.starts_with('"')) return std::string(token());
    std::string made;
    std::size_t at = 1;
    for (; at < rest_.size() && rest_[at] != '"'; ++at) {
      if (rest_[at] == '\\' && at + 1 < rest_.size()) ++at;
      made += rest_[at];
    }
    rest_.remove_prefix(std::min(at + 1, rest_.size()));
    return made;
  }

  std::string_view rest_;
};

/// Whether the algorithm is one of those here.
bool take_algorithm(std::string_view name, digest_challenge& into) {
  into.algorithm_name = name;
  constexpr std::string_view mark = "-sess";
  if (name.size() > mark.size() && equal_ignoring_case(name.substr(name.size() - mark.size()), mark)) {
    into.session = true;
    name.remove_suffix(mark.size());
  }
  for (const auto& [known, algorithm] :
       {std::pair(std::string_view("MD5"), hash::md5), std::pair(std::string_view("SHA-256"), hash::sha256),
        std::pair(std::string_view("SHA-512-256"), hash::sha512_256)}) {
    if (!equal_ignoring_case(name, known)) continue;
    into.algorithm = algorithm;
    return true;
  }
  return false;
}

bool lists_auth(std::string_view qop) {
  while (!qop.empty()) {
    const auto end = std::min(qop.find(','), qop.size());
    if (equal_ignoring_case(trimmed(qop.substr(0, end)), "auth")) return true;
    qop.remove_prefix(std::min(end + 1, qop.size()));
  }
  return false;
}

std::optional<digest_challenge> read_challenge(challenge_reader& from) {
  digest_challenge made;
  bool usable = true, has_nonce = false, has_realm = false;
  while (const auto given = from.parameter()) {
    const auto& [name, value] = *given;
    // A control character would end the header it is sent back in.
    usable &= std::none_of(value.begin(), value.end(), is_control);
    const auto is = [&, called = name](std::string_view other) { return equal_ignoring_case(called, other); };
    if (is("realm")) {
      made.realm = value;
      has_realm = true;
    } else if (is("nonce")) {
      made.nonce = value;
      has_nonce = true;
    } else if (is("opaque")) {
      made.opaque = value;
    } else if (is("algorithm")) {
      usable &= take_algorithm(value, made);
    } else if (is("qop")) {
      made.qop_auth = lists_auth(value);
      usable &= made.qop_auth;
    } else if (is("stale")) {
      made.stale = equal_ignoring_case(value, "true");
    } else if (is("userhash")) {
      made.hash_user = equal_ignoring_case(value, "true");
    }
  }
  if (!usable || !has_nonce || !has_realm) return std::nullopt;
  return made;
}

}  // namespace

std::optional<digest_challenge> parse_digest_challenge(const std::vector<std::string_view>& values) {
  std::optional<digest_challenge> best;
  for (const std::string_view value : values) {
    challenge_reader from(value);
    while (!from.done()) {
      const std::string_view scheme = from.scheme();
      if (scheme.empty()) {
        from.pass_over();
        continue;
      }
      if (!equal_ignoring_case(scheme, "digest")) {
        bool any = false;
        while (from.parameter()) any = true;
        if (!any) from.pass_over();
        continue;
      }
      auto read = read_challenge(from);
      if (read && (!best || read->algorithm > best->algorithm)) best = std::move(read);
    }
  }
  return best;
}

bool asks_for_basic(const std::vector<std::string_view>& values) {
  for (const std::string_view value : values) {
    challenge_reader from(value);
    while (!from.done()) {
      const std::string_view scheme = from.scheme();
      if (equal_ignoring_case(scheme, "basic")) return true;
      bool any = false;
      while (from.parameter()) any = true;
      if (!any) from.pass_over();
    }
  }
  return false;
}

// RFC 7616 section 3.4.
std::string digest_authorization(const digest_challenge& challenge, const digest_request& asked) {
  const auto h = [&](std::string_view text) { return hashed(challenge.algorithm, text); };
  std::string secret = h(fmt::format("{}:{}:{}", asked.user, challenge.realm, asked.password));
  if (challenge.session) secret = h(fmt::format("{}:{}:{}", secret, challenge.nonce, asked.client_nonce));
  const std::string what = h(fmt::format("{}:{}", asked.method, asked.target));
  const std::string count = fmt::format("{:08x}", asked.count);
  const std::string answer =
      challenge.qop_auth
          ? h(fmt::format("{}:{}:{}:{}:auth:{}", secret, challenge.nonce, count, asked.client_nonce, what))
          : h(fmt::format("{}:{}:{}", secret, challenge.nonce, what));
  const std::string user =
      challenge.hash_user ? h(fmt::format("{}:{}", asked.user, challenge.realm)) : std::string(asked.user);
  std::string made = fmt::format("Digest username={}, realm={}, nonce={}, uri={}, response=\"{}\"",
                                 in_parameter_quotes(user), in_parameter_quotes(challenge.realm),
                                 in_parameter_quotes(challenge.nonce), in_parameter_quotes(asked.target), answer);
  if (!challenge.algorithm_name.empty()) made += ", algorithm=" + challenge.algorithm_name;
  if (challenge.qop_auth)
    made += fmt::format(", cnonce={}, nc={}, qop=auth", in_parameter_quotes(asked.client_nonce), count);
  else if (challenge.session)
    made += fmt::format(", cnonce={}", in_parameter_quotes(asked.client_nonce));
  if (challenge.opaque) made += ", opaque=" + in_parameter_quotes(*challenge.opaque);
  if (challenge.hash_user) made += ", userhash=true";
  return made;
}

digest_login::digest_login(std::string_view user_and_password)
    : user_(user_and_password.substr(0, user_and_password.find(':'))),
      password_(user_and_password.substr(std::min(user_and_password.find(':'), user_and_password.size() - 1) + 1)) {
  if (user_and_password.find(':') == user_and_password.npos)
    throw error(failure_kind::invalid_request,
                "the user for Digest authentication has no password; give user:password");
  if (std::any_of(user_and_password.begin(), user_and_password.end(), is_control))
    throw error(failure_kind::invalid_request,
                "the user name or the password for Digest authentication contains a control character");
}

void digest_login::learn(std::string_view origin, digest_challenge challenge) {
  std::array<unsigned char, 16> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1)
    throw error(failure_kind::invalid_request, "the system gives no random bytes for Digest authentication");
  const std::lock_guard guard(lock_);
  // Whoever else got the same challenge goes on counting.
  const auto known = sessions_.find(origin);
  if (known != sessions_.end() && known->second.challenge.nonce == challenge.nonce) return;
  sessions_[std::string(origin)] = {std::move(challenge), hex(random.data(), random.size()), 0};
}

std::optional<std::string> digest_login::authorization_for(std::string_view origin, std::string_view method,
                                                           std::string_view target) {
  const std::lock_guard guard(lock_);
  const auto known = sessions_.find(origin);
  if (known == sessions_.end()) return std::nullopt;
  session& with = known->second;
  return digest_authorization(with.challenge, {user_, password_, method, target, with.client_nonce, ++with.count});
}

}  // namespace fanout::http
