#include <fanout/base/failure.hpp>
#include <fanout/http/auth.hpp>
#include <fanout/http/detail/text.hpp>

#include <algorithm>

namespace fanout::http {
namespace {

// The value itself is a secret, and stays out of the message.
[[noreturn]] void refuse_credentials(const std::string& why) {
  throw error(failure_kind::invalid_request, why);
}

}  // namespace

std::string basic_auth(std::string_view user, std::string_view password) {
  if (user.find(':') != user.npos) refuse_credentials("a user name for Basic authentication cannot contain ':'");
  if (std::any_of(user.begin(), user.end(), is_control) || std::any_of(password.begin(), password.end(), is_control))
    refuse_credentials("the user name or the password for Basic authentication contains a control character");
  return "Basic " + base64(std::string(user).append(":").append(password));
}

std::string bearer_auth(std::string_view token) {
  if (token.empty()) refuse_credentials("the bearer token is empty");
  if (!std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7f; }))
    refuse_credentials("the bearer token contains something else than visible ASCII characters");
  return std::string("Bearer ").append(token);
}

}  // namespace fanout::http
