#include "cli/fetch_settings.hpp"

#include <fanout/http/auth.hpp>

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace fanout::cli {
namespace {

void check_limits(const fetch_options& given) {
  if (given.timeout.count() == 0) throw usage_error("--timeout: 0 leaves no time for a fetch; give at least 1ms");
  if (given.connect_timeout.count() == 0)
    throw usage_error("--connect-timeout: 0 leaves no time for a connection; give at least 1ms");
  if (given.idle_timeout.count() == 0)
    throw usage_error("--idle-timeout: 0 leaves no time between two bytes; give at least 1ms");
}

void check_readable(std::string_view option, const std::string& file) {
  if (!file.empty() && access(file.c_str(), R_OK) != 0)
    throw usage_error(fmt::format("{}: cannot read {}: {}", option, file, std::strerror(errno)));
}

/// A file that can be read in pieces, and again after a redirect.
void check_body_file(const std::string& file) {
  check_readable("--data-file", file);
  struct stat status{};
  if (!file.empty() && stat(file.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    throw usage_error(fmt::format(
        "--data-file: {} is not a regular file; --data-binary @FILE reads a pipe, and all of it first", file));
}

std::string authorization_of(const std::string& user) {
  if (user.empty()) return {};
  const auto colon = user.find(':');
  if (colon == user.npos) throw usage_error(fmt::format("-u: '{}' has no password; use 'user:password'", user));
  try {
    return http::basic_auth(user.substr(0, colon), user.substr(colon + 1));
  } catch (const error& refused) {
    throw usage_error(fmt::format("-u: {}", refused.what()));
  }
}

/// What only the client can judge is told before the first request, and once.
void check_client(const fetch::settings& made) {
  try {
    fetch::check(made);
  } catch (const error& refused) {
    throw usage_error(refused.what());
  }
}

void set_cookies(const fetch_options& given, const shape& how, fetch::settings& into) {
  const auto files = cookie_files(given);
  if (files.size() > 1)
    throw usage_error(fmt::format("--cookie: {} and {} are two files; give one", files[0], files[1]));
  into.use_cookies = !files.empty() || !given.cookie_jar.empty();
  if (!given.cookie_jar.empty() && how.uses_workers())
    throw usage_error(
        fmt::format("--cookie-jar: -s {} runs in worker processes, each with cookies of its own, which end with it; "
                    "use sync, threads:N, async:N, hybrid:N or auto",
                    given.shape));
  if (files.empty()) return;
  into.cookie_file = files.front();
  // A jar that is read and written begins empty.
  if (into.cookie_file == given.cookie_jar && access(into.cookie_file.c_str(), F_OK) != 0) into.cookie_file.clear();
  check_readable("--cookie", into.cookie_file);
}

}  // namespace

fetch::settings settings_of(const fetch_options& given, const common_request& common, const shape& how) {
  check_limits(given);
  check_readable("--cacert", given.ca_file);
  check_readable("--cert", given.certificate);
  check_readable("--key", given.key);
  check_readable("--proxy-cacert", given.proxy_ca_file);
  check_body_file(given.data_file);
  if (!given.key.empty() && given.certificate.empty())
    throw usage_error("--key: there is no certificate it is the key of; give --cert FILE, too");
  fetch::settings made;
  made.timeout_ms = given.timeout.count();
  made.connect_timeout_ms = given.connect_timeout.count();
  made.idle_timeout_ms = given.idle_timeout.count();
  made.max_body_bytes = given.max_bytes;
  made.max_redirects = given.no_redirects ? 0 : static_cast<std::int32_t>(given.max_redirects);
  made.decode_content = !given.raw;
  made.verify_tls = !given.insecure;
  made.ca_file = given.ca_file;
  made.certificate_file = given.certificate;
  made.key_file = given.key;
  made.authorization = authorization_of(given.user);
  set_cookies(given, how, made);
  made.body_file = given.data_file;
  made.public_only = given.public_only;
  made.resolve = given.resolve;
  made.proxy = given.proxy.value_or("");
  made.no_proxy = given.no_proxy;
  made.proxy_from_environment = !given.proxy.has_value();
  made.verify_proxy_tls = !given.proxy_insecure;
  made.proxy_ca_file = given.proxy_ca_file;
  made.least_tls_1_3 = given.tls_1_3;
  made.without_headers = common.without;
  made.keep_timings = given.timings;
  check_client(made);
  return made;
}

}  // namespace fanout::cli
