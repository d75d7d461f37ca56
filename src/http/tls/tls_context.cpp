#include "http/tls/tls_context.hpp"

#include <fanout/base/failure.hpp>

#include "http/tls/tls_errors.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <map>

namespace fanout::http {
namespace {

using context_pointer = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using store_pointer = std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)>;

[[noreturn]] void refuse_tls(const std::string& what) {
  const std::string why = openssl_reason(ERR_peek_error());
  ERR_clear_error();
  throw error(failure_kind::tls, fmt::format("{}: {}", what, why));
}

store_pointer read_issuers(const std::string& ca_file) {
  store_pointer made(X509_STORE_new(), X509_STORE_free);
  if (!made) throw std::bad_alloc();
  ERR_clear_error();
  if (ca_file.empty()) {
    X509_STORE_set_default_paths(made.get());
    ERR_clear_error();
    return made;
  }
  // Whom the caller names is trusted, also when it is no root: as curl has it.
  X509_STORE_set_flags(made.get(), X509_V_FLAG_PARTIAL_CHAIN);
  if (X509_STORE_load_file(made.get(), ca_file.c_str()) != 1)
    refuse_tls(fmt::format("the issuers' file '{}' holds no certificates that can be read (PEM is expected)", ca_file));
  return made;
}

// Parsing the issuers takes longer than a handshake, so it happens once; OpenSSL locks the store by itself.
X509_STORE* issuers(const std::string& ca_file) {
  static std::mutex lock;
  static auto& stores = *new std::map<std::string, store_pointer>;
  const std::lock_guard guard(lock);
  const auto known = stores.find(ca_file);
  if (known != stores.end()) return known->second.get();
  return stores.emplace(ca_file, read_issuers(ca_file)).first->second.get();
}

// OpenSSL's own callback would ask at the terminal.
int no_password(char*, int, int, void*) {
  return -1;
}

void use_certificate(SSL_CTX* context, const tls_settings& settings) {
  const std::string& key_file = settings.key_file.empty() ? settings.certificate_file : settings.key_file;
  SSL_CTX_set_default_passwd_cb(context, no_password);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, settings.certificate_file.c_str()) != 1)
    refuse_tls(fmt::format("the client certificate '{}' cannot be read (PEM is expected)", settings.certificate_file));
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) == 1) return;
  const int reason = ERR_GET_REASON(ERR_peek_error());
  if (reason == X509_R_KEY_VALUES_MISMATCH)
    refuse_tls(fmt::format("the key '{}' does not belong to the client certificate '{}'", key_file,
                           settings.certificate_file));
  if (reason == PEM_R_BAD_PASSWORD_READ || reason == ERR_R_INTERRUPTED_OR_CANCELLED)
    refuse_tls(fmt::format("the key '{}' is encrypted; decrypt it first (openssl pkey)", key_file));
  if (settings.key_file.empty())
    refuse_tls(fmt::format("the client certificate '{}' comes without its key; name the key's file (--key)", key_file));
  refuse_tls(fmt::format("the key '{}' of the client certificate cannot be read (PEM is expected)", key_file));
}

}  // namespace

tls_settings tls_settings::of(const client_options& options) {
  tls_settings settings;
  settings.verify = options.verify_tls;
  if (settings.verify) settings.ca_file = options.ca_file;
  settings.certificate_file = options.certificate_file;
  settings.key_file = options.key_file;
  settings.least = options.min_tls_version;
  settings.resume = options.resume_tls;
  return settings;
}

tls_settings tls_settings::of_proxy(const client_options& options) {
  tls_settings settings;
  settings.verify = options.verify_proxy_tls;
  if (settings.verify) settings.ca_file = options.proxy_ca_file;
  settings.least = options.min_tls_version;
  settings.resume = options.resume_tls;
  settings.to_proxy = true;
  return settings;
}

std::shared_ptr<const tls_context> tls_context::shared(tls_settings settings) {
  static std::mutex lock;
  static auto& contexts = *new std::map<tls_settings, std::shared_ptr<const tls_context>>;
  const std::lock_guard guard(lock);
  auto& found = contexts[settings];
  if (!found) found = std::make_shared<const tls_context>(std::move(settings));
  return found;
}

SSL_CTX* tls_context::native() const {
  const std::lock_guard guard(making_);  // std::call_once hangs under TSan when make() throws
  if (!native_) native_ = make();
  return native_;
}

SSL_CTX* tls_context::make() const {
  context_pointer made(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!made) throw std::bad_alloc();
  SSL_CTX* const context = made.get();
  SSL_CTX_set_min_proto_version(context, settings_.least == tls_version::v1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  // Buffers of an idle connection are given back: some 34 KB of its 40.
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (settings_.verify) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set1_cert_store(context, issuers(settings_.ca_file));
  } else {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  }
  if (!settings_.certificate_file.empty()) use_certificate(context, settings_);
  // OpenSSL's own cache finds sessions by their id, which a client does not know before it has connected.
  const long storing = settings_.resume ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL : SSL_SESS_CACHE_OFF;
  SSL_CTX_set_session_cache_mode(context, storing);
  SSL_CTX_sess_set_new_cb(context, keep_tls_session);
  return made.release();
}

}  // namespace fanout::http
