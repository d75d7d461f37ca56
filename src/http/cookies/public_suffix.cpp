#include "http/cookies/public_suffix.hpp"

#include "http/message/host.hpp"

#include <libpsl.h>

namespace fanout::http {
namespace {

const psl_ctx_t* suffixes() {
  static const psl_ctx_t* const list = psl_latest(nullptr);
  return list;
}

}  // namespace

bool is_public_suffix(const std::string& domain) {
  return psl_is_public_suffix(suffixes(), domain.c_str()) == 1;
}

std::string registrable_domain(const std::string& host) {
  if (is_address(host)) return host;
  const char* const found = psl_registrable_domain(suffixes(), host.c_str());
  return found ? found : host;
}

}  // namespace fanout::http
