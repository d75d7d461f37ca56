#include "origin/certificate.hpp"

#include <fanout/base/detail/file_text.hpp>
#include <fanout/base/failure.hpp>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <string_view>

namespace fanout::origin {
namespace {

template <class Type, void (*Free)(Type*)>
struct deleter {
  void operator()(Type* object) const noexcept { Free(object); }
};
using key_pointer = std::unique_ptr<EVP_PKEY, deleter<EVP_PKEY, EVP_PKEY_free>>;
using certificate_pointer = std::unique_ptr<X509, deleter<X509, X509_free>>;
using extension_pointer = std::unique_ptr<X509_EXTENSION, deleter<X509_EXTENSION, X509_EXTENSION_free>>;
using memory_pointer = std::unique_ptr<BIO, deleter<BIO, BIO_free_all>>;

[[noreturn]] void fail(std::string_view what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  throw error(failure_kind::tls, reason ? fmt::format("{}: {}", what, reason) : std::string(what));
}

void check(bool succeeded, std::string_view what) {
  if (!succeeded) fail(what);
}

void add_extension(X509* certificate, X509V3_CTX& context, int nid, const char* value) {
  extension_pointer extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  check(extension && X509_add_ext(certificate, extension.get(), -1), "a certificate extension cannot be made");
}

/// A random serial: a client that has met an earlier certificate of the same name and serial rejects this one.
void set_serial(X509* certificate) {
  std::uint64_t serial = 0;
  check(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1, "no random serial number");
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1);
}

certificate_pointer self_signed(EVP_PKEY* key) {
  constexpr long day = 24 * 60 * 60;
  certificate_pointer certificate(X509_new());
  check(certificate != nullptr, "a certificate cannot be made");
  X509* const raw = certificate.get();
  X509_set_version(raw, X509_VERSION_3);
  set_serial(raw);
  X509_gmtime_adj(X509_getm_notBefore(raw), -day);  // clocks of containers differ
  X509_gmtime_adj(X509_getm_notAfter(raw), 90 * day);
  X509_set_pubkey(raw, key);
  X509_NAME* const name = X509_get_subject_name(raw);
  const std::string_view common_name = "fanout origin";
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(common_name.data()),
                             static_cast<int>(common_name.size()), -1, 0);
  X509_set_issuer_name(raw, name);
  X509V3_CTX context;
  X509V3_set_ctx(&context, raw, raw, nullptr, nullptr, 0);
  add_extension(raw, context, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(raw, context, NID_key_usage, "critical,digitalSignature");
  add_extension(raw, context, NID_ext_key_usage, "serverAuth");
  add_extension(raw, context, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
  add_extension(raw, context, NID_subject_key_identifier, "hash");
  check(X509_sign(raw, key, EVP_sha256()) > 0, "the certificate cannot be signed");
  return certificate;
}

std::string to_pem(X509* certificate) {
  memory_pointer memory(BIO_new(BIO_s_mem()));
  check(memory && PEM_write_bio_X509(memory.get(), certificate), "the certificate cannot be written as PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

/// Takes http/1.1, or h2 before it, where the client offers it; a client that does not is served all the same.
int select_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                    unsigned int offered_size, void* http_2) {
  static constexpr unsigned char both[] = "\x02h2\x08http/1.1";
  const unsigned int skipped = http_2 ? 0 : 3;
  unsigned char* selected = nullptr;
  const int result =
      SSL_select_next_proto(&selected, chosen_size, both + skipped, sizeof both - 1 - skipped, offered, offered_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *chosen = selected;
  return SSL_TLSEXT_ERR_OK;
}

ssl_context make_context() {
  ssl_context context(SSL_CTX_new(TLS_server_method()));
  check(context != nullptr, "no TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // RELEASE_BUFFERS gives back some 34 KB of every idle connection; the other two let a write continue from another
  // buffer, after as much of the first as went out.
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_alpn_select_cb(context.get(), select_protocol, nullptr);
  return context;
}

}  // namespace

identity make_self_signed_identity() {
  ERR_clear_error();
  key_pointer key(EVP_EC_gen("P-256"));
  check(key != nullptr, "no EC P-256 key can be made");
  const certificate_pointer certificate = self_signed(key.get());
  identity result{make_context(), to_pem(certificate.get())};
  check(SSL_CTX_use_certificate(result.context.get(), certificate.get()) == 1, "the certificate cannot be used");
  check(SSL_CTX_use_PrivateKey(result.context.get(), key.get()) == 1, "the private key cannot be used");
  return result;
}

identity load_identity(const std::string& certificate_file, const std::string& key_file) {
  ERR_clear_error();
  identity result{make_context(), {}};
  result.certificate_pem = fanout::detail::file_text(certificate_file).value_or("");
  check(SSL_CTX_use_certificate_chain_file(result.context.get(), certificate_file.c_str()) == 1,
        fmt::format("'{}' cannot be used as a PEM certificate chain", certificate_file));
  check(SSL_CTX_use_PrivateKey_file(result.context.get(), key_file.c_str(), SSL_FILETYPE_PEM) == 1,
        fmt::format("'{}' cannot be used as the PEM private key of '{}'", key_file, certificate_file));
  return result;
}

void offer_http_2(identity& of) {
  static char yes;
  SSL_CTX_set_alpn_select_cb(of.context.get(), select_protocol, &yes);
}

}  // namespace fanout::origin
