#include "http/tls.hpp"

#include <fanout/base/failure.hpp>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <map>

namespace fanout::http {
namespace {

// A BIO over a descriptor. OpenSSL's own socket BIO writes without MSG_NOSIGNAL: a peer that closed would end the
// whole process by SIGPIPE.
int descriptor_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const auto count = ::send(descriptor_of(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(count);
}

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const auto count = ::recv(descriptor_of(bio), into, static_cast<std::size_t>(size), 0);
  if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(count);
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
  return command == BIO_CTRL_FLUSH;
}

BIO_METHOD* bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "fanout descriptor");
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

std::string openssl_reason(unsigned long code) {
  const char* const text = ERR_reason_error_string(code);
  return text ? text : fmt::format("OpenSSL error {:#x}", code);
}

// The text after the names of the errors users meet tells them what to do.
std::string describe_certificate(long result, const std::string& host) {
  const std::string accept = "to accept it unchecked, turn verification off (-k)";
  const std::string trust = "if you trust its issuer, name the issuer's certificate (--cacert); ";
  switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the certificate has expired; " + accept;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the certificate is not valid yet; is this machine's clock right? " + accept;
    case X509_V_ERR_HOSTNAME_MISMATCH:
      return fmt::format("the certificate is not for the host '{}'; {}", host, accept);
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format("the certificate is not for the address {}; {}", host, accept);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "the certificate is self-signed; " + trust + accept;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "the certificate's chain ends in a self-signed certificate that is not trusted here; " + trust + accept;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "the certificate's issuer is unknown here; " + trust + accept;
    default:
      return fmt::format("the certificate was not accepted ({}); {}", X509_verify_cert_error_string(result), accept);
  }
}

bool is_address(const std::string& host) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

std::shared_ptr<const tls_context> tls_context::shared(bool verify, const std::string& ca_file) {
  static std::mutex lock;
  static std::map<std::pair<bool, std::string>, std::shared_ptr<const tls_context>> contexts;
  const std::lock_guard guard(lock);
  auto& found = contexts[{verify, verify ? ca_file : ""}];
  if (!found) found = std::make_shared<const tls_context>(verify, verify ? ca_file : "");
  return found;
}

tls_context::tls_context(bool verify, std::string ca_file) : verify_(verify), ca_file_(std::move(ca_file)) {}

tls_context::~tls_context() {
  SSL_CTX_free(native_);
}

SSL_CTX* tls_context::native() const {
  const std::lock_guard guard(making_);  // std::call_once hangs under TSan when make() throws
  if (!native_) make();
  return native_;
}

void tls_context::make() const {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> made(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!made) throw std::bad_alloc();
  SSL_CTX* const context = made.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // Buffers of an idle connection are given back: some 34 KB of its 40.
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  constexpr unsigned char protocols[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(context, protocols, sizeof protocols - 1);
  if (verify_) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_default_verify_paths(context);
    ERR_clear_error();
    if (!ca_file_.empty() && SSL_CTX_load_verify_file(context, ca_file_.c_str()) != 1) {
      const std::string why = openssl_reason(ERR_peek_last_error());
      ERR_clear_error();
      throw error(failure_kind::tls,
                  fmt::format("the issuers' file '{}' holds no certificates that can be read (PEM is expected): {}",
                              ca_file_, why));
    }
  } else {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  }
  native_ = context;
  SSL_CTX_up_ref(context);
}

tls_session::tls_session(const tls_context& context, int descriptor, const std::string& host)
    : native_(SSL_new(context.native())), host_(host) {
  BIO* const bio = native_ ? BIO_new(bio_method()) : nullptr;
  if (!bio) {
    SSL_free(native_);
    throw std::bad_alloc();
  }
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor)));
  BIO_set_init(bio, 1);
  SSL_set_bio(native_, bio, bio);
  SSL_set_connect_state(native_);
  X509_VERIFY_PARAM* const checks = SSL_get0_param(native_);
  if (is_address(host)) {
    if (context.verify()) X509_VERIFY_PARAM_set1_ip_asc(checks, host.c_str());
  } else {
    // A trailing dot makes a name absolute in DNS; certificates and SNI name it without (RFC 6066 section 3).
    const std::string name = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
    // What the macro SSL_set_tlsext_host_name does by a C cast.
    SSL_ctrl(native_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(name.c_str()));
    X509_VERIFY_PARAM_set_hostflags(checks, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (context.verify()) X509_VERIFY_PARAM_set1_host(checks, name.c_str(), name.size());
  }
}

tls_session::~tls_session() {
  SSL_free(native_);
}

io_result tls_session::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(native_);
  if (result == 1) return {io_state::done};
  return conclude(result, true);
}

io_result tls_session::read_some(std::span<char> into) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_read_ex(native_, into.data(), into.size(), &count);
  if (result == 1) return {io_state::done, count};
  return conclude(result, false);
}

io_result tls_session::write_some(std::string_view bytes) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_write_ex(native_, bytes.data(), bytes.size(), &count);
  if (result == 1) return {io_state::done, count};
  return conclude(result, false);
}

io_result tls_session::peek() {
  ERR_clear_error();
  char byte;
  std::size_t count = 0;
  const int result = SSL_peek_ex(native_, &byte, 1, &count);
  if (result == 1) return {io_state::done, count};
  return conclude(result, false);
}

io_result tls_session::conclude(int result, bool in_handshake) {
  const int system_error = errno;
  switch (SSL_get_error(native_, result)) {
    case SSL_ERROR_WANT_READ:
      return {io_state::want_read};
    case SSL_ERROR_WANT_WRITE:
      return {io_state::want_write};
    case SSL_ERROR_ZERO_RETURN:
      return {io_state::end};
    case SSL_ERROR_SYSCALL:
      failure_ = in_handshake ? "the connection broke during the handshake: " : "";
      failure_ += std::strerror(system_error);
      ERR_clear_error();
      return {io_state::failed, 0, system_error};
    default:
      break;
  }
  const bool cut = ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  if (cut && !in_handshake) {
    ERR_clear_error();
    return {io_state::truncated};
  }
  failure_ = describe(in_handshake);
  ERR_clear_error();
  return {io_state::failed};
}

std::string tls_session::describe(bool in_handshake) const {
  const unsigned long code = ERR_peek_error();
  switch (ERR_GET_REASON(code)) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return describe_certificate(SSL_get_verify_result(native_), host_);
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return "the server closed the connection during the handshake";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
      return in_handshake ? "the server does not speak TLS on this port; is it an http:// address?"
                          : openssl_reason(code);
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return "the server offers no TLS version from 1.2 on";
    default:
      return openssl_reason(code);
  }
}

}  // namespace fanout::http
