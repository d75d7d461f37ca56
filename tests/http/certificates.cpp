#include "http/certificates.hpp"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace fanout_test {
namespace {

void add_extension(X509* to, X509* by, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, by, to, nullptr, nullptr, 0);
  X509_EXTENSION* const made = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  if (!made) throw std::runtime_error("no certificate extension");
  X509_add_ext(to, made, -1);
  X509_EXTENSION_free(made);
}

X509* make(EVP_PKEY* key, const char* name, long from, long until) {
  static long serial = 0;
  X509* const made = X509_new();
  X509_set_version(made, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(made), from);
  X509_gmtime_adj(X509_getm_notAfter(made), until);
  X509_set_pubkey(made, key);
  const std::string text = name;
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()), -1, 0);
  return made;
}

EVP_PKEY* make_key() {
  return EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
}

}  // namespace

issuer::issuer() : key_(make_key()), certificate_(make(key_, "fanout test issuer", -3600, 3600)) {
  X509_set_issuer_name(certificate_, X509_get_subject_name(certificate_));
  add_extension(certificate_, certificate_, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate_, certificate_, NID_subject_key_identifier, "hash");
  X509_sign(certificate_, key_, EVP_sha256());
  file_ = (std::getenv("TMPDIR") ? std::getenv("TMPDIR") : std::string("/tmp")) + "/fanout-test-ca-XXXXXX";
  const int descriptor = ::mkstemp(file_.data());
  std::FILE* const out = ::fdopen(descriptor, "w");
  PEM_write_X509(out, certificate_);
  std::fclose(out);
}

issuer::~issuer() {
  ::unlink(file_.c_str());
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

server_tls issuer::server(const certificate_options& options) const {
  EVP_PKEY* const key = make_key();
  X509* const leaf = make(key, "fanout test server", options.valid_from_s, options.valid_until_s);
  X509* const by = options.self_signed ? leaf : certificate_;
  X509_set_issuer_name(leaf, X509_get_subject_name(by));
  add_extension(leaf, by, NID_subject_alt_name, options.names.c_str());
  X509_sign(leaf, options.self_signed ? key : key_, EVP_sha256());
  server_tls made(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX_use_certificate(made.get(), leaf);
  SSL_CTX_use_PrivateKey(made.get(), key);
  X509_free(leaf);
  EVP_PKEY_free(key);
  return made;
}

certificate_files issuer::files(const temporary_directory& directory, const std::string& name,
                                const certificate_options& options) const {
  const server_tls made = server(options);
  const auto write = [&](const std::string& suffix, auto put) {
    BIO* const memory = BIO_new(BIO_s_mem());
    put(memory);
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    std::string path = directory.write(name + suffix, std::string(data, static_cast<std::size_t>(size)));
    BIO_free(memory);
    return path;
  };
  return {write(".pem", [&](BIO* to) { PEM_write_bio_X509(to, SSL_CTX_get0_certificate(made.get())); }),
          write(".key", [&](BIO* to) {
            PEM_write_bio_PrivateKey(to, SSL_CTX_get0_privatekey(made.get()), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

}  // namespace fanout_test
