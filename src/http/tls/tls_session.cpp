#include "http/tls/tls_session.hpp"

#include "http/message/host.hpp"
#include "http/tls/tls_errors.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <new>

namespace fanout::http {
namespace {

tls_carrier& carrier_of(BIO* bio) {
  return *static_cast<tls_carrier*>(BIO_get_data(bio));
}

bool retries(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

// Notes what the outer connection came to; whether its caller is to try again.
bool retries(tls_carrier& carrier, const io_result& result) {
  carrier.blocked = result.state;
  if (result.state == io_state::want_read || result.state == io_state::want_write) return true;
  errno = result.error != 0 ? result.error : ECONNRESET;
  return false;
}

// OpenSSL's own socket BIO writes without MSG_NOSIGNAL: a peer that closed would end the whole process by SIGPIPE.
int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  tls_carrier& carrier = carrier_of(bio);
  const std::string_view all(bytes, static_cast<std::size_t>(size));
  if (carrier.outer) {
    // An alert is written with its error in OpenSSL's queue, which the outer connection would empty.
    if (ERR_peek_error() != 0) {
      carrier.held += all;
      return size;
    }
    const io_result result = carrier.outer->write_some(all);
    if (result.state == io_state::done) return static_cast<int>(result.bytes);
    if (retries(carrier, result)) BIO_set_retry_write(bio);
    return -1;
  }
  const auto count = ::send(carrier.descriptor, all.data(), all.size(), MSG_NOSIGNAL);
  if (count < 0 && retries(errno)) BIO_set_retry_write(bio);
  return static_cast<int>(count);
}

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  tls_carrier& carrier = carrier_of(bio);
  const std::span<char> room(into, static_cast<std::size_t>(size));
  if (carrier.outer) {
    const io_result result = carrier.outer->read_some(room);
    if (result.state == io_state::done) return static_cast<int>(result.bytes);
    if (result.state == io_state::end || result.state == io_state::truncated) {
      BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
      return 0;
    }
    if (retries(carrier, result)) BIO_set_retry_read(bio);
    return -1;
  }
  const auto count = ::recv(carrier.descriptor, room.data(), room.size(), 0);
  if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  if (count < 0 && retries(errno)) BIO_set_retry_read(bio);
  return static_cast<int>(count);
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
  return command == BIO_CTRL_FLUSH;
}

BIO_METHOD* bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "fanout carrier");
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

}  // namespace

tls_session::tls_session(const tls_context& context, tls_carrier over, const std::string& host, std::string_view key,
                         std::string_view offer)
    : native_(SSL_new(context.native())), carrier_(over), host_(host), to_proxy_(context.settings().to_proxy) {
  BIO* const bio = native_ ? BIO_new(bio_method()) : nullptr;
  if (!bio) {
    SSL_free(native_);
    throw std::bad_alloc();
  }
  BIO_set_data(bio, &carrier_);
  BIO_set_init(bio, 1);
  SSL_set_bio(native_, bio, bio);
  SSL_set_connect_state(native_);
  SSL_set_alpn_protos(native_, reinterpret_cast<const unsigned char*>(offer.data()),
                      static_cast<unsigned>(offer.size()));
  // While shaking hands, one read takes all records of a flight; each costs two otherwise. Later it must not: what lies
  // in OpenSSL's buffer makes no socket readable.
  SSL_set_read_ahead(native_, 1);
  if (context.settings().resume) {
    sessions_ = {&context.sessions(), std::string(key)};
    SSL_set_app_data(native_, &sessions_);
    if (const ssl_session earlier = sessions_.cache->take(key)) SSL_set_session(native_, earlier.get());
  }
  X509_VERIFY_PARAM* const checks = SSL_get0_param(native_);
  if (is_address(host)) {
    if (context.settings().verify) X509_VERIFY_PARAM_set1_ip_asc(checks, host.c_str());
  } else {
    const std::string name(without_trailing_dot(host));  // as certificates and SNI name it
    // What the macro SSL_set_tlsext_host_name does by a C cast.
    SSL_ctrl(native_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(name.c_str()));
    X509_VERIFY_PARAM_set_hostflags(checks, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (context.settings().verify) X509_VERIFY_PARAM_set1_host(checks, name.c_str(), name.size());
  }
}

tls_session::~tls_session() {
  // OpenSSL takes a session for broken, and never resumes it, when its connection was not shut down. Ours ends with the
  // message: its length says whether it is whole, so the goodbye of TLS is not worth a system call.
  if (failure_.empty()) SSL_set_shutdown(native_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(native_);
}

std::string_view tls_session::protocol() const noexcept {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(native_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

int tls_session::version() const noexcept {
  return SSL_version(native_) - TLS1_2_VERSION + 12;
}

std::string tls_session::description() const {
  return std::string(SSL_get_version(native_)).append(" / ").append(SSL_get_cipher_name(native_));
}

bool tls_session::resumed() const noexcept {
  return SSL_session_reused(native_) == 1;
}

io_result tls_session::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(native_);
  if (result == 1) {
    SSL_set_read_ahead(native_, 0);
    return {io_state::done};
  }
  const io_result concluded = conclude(result, true);
  if (!carrier_.held.empty()) carrier_.outer->write_some(carrier_.held);  // which need not arrive
  if (concluded.state == io_state::failed && sessions_.cache) sessions_.cache->forget(sessions_.key);
  return concluded;
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
      return {carrier_.outer ? carrier_.blocked : io_state::want_read};
    case SSL_ERROR_WANT_WRITE:
      return {carrier_.outer ? carrier_.blocked : io_state::want_write};
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
  failure_ = describe_tls_failure(native_, host_, to_proxy_, in_handshake);
  ERR_clear_error();
  return {io_state::failed};
}

}  // namespace fanout::http
