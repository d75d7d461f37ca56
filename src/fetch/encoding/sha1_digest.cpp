#include "fetch/encoding/sha1_digest.hpp"

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <stdexcept>

namespace fanout::fetch {
namespace {

struct digest_freed {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

void begin(EVP_MD_CTX* context) {
  // EVP_sha1() is looked up at each use; this is not.
  static const EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  if (sha1 == nullptr) throw std::runtime_error("OpenSSL has no SHA-1 here");
  if (context == nullptr) throw std::bad_alloc();
  if (EVP_DigestInit_ex2(context, sha1, nullptr) != 1) throw std::runtime_error("OpenSSL cannot compute SHA-1");
}

void put(EVP_MD_CTX* context, std::string_view bytes) {
  if (EVP_DigestUpdate(context, bytes.data(), bytes.size()) != 1)
    throw std::runtime_error("OpenSSL cannot compute SHA-1");
}

std::string end(EVP_MD_CTX* context) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::array<unsigned char, 20> bytes{};
  if (EVP_DigestFinal_ex(context, bytes.data(), nullptr) != 1) throw std::runtime_error("OpenSSL cannot compute SHA-1");
  std::string text = "sha1:";
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit += 5) {
    const std::size_t at = bit / 8;
    const unsigned both = static_cast<unsigned>(bytes[at]) << 8 | (at + 1 < bytes.size() ? bytes[at + 1] : 0U);
    text += digits[both >> (11 - bit % 8) & 31];
  }
  return text;
}

}  // namespace

std::string sha1_digest(std::string_view first, std::string_view second) {
  thread_local const std::unique_ptr<EVP_MD_CTX, digest_freed> context(EVP_MD_CTX_new());
  begin(context.get());
  put(context.get(), first);
  put(context.get(), second);
  return end(context.get());
}

sha1_sum::sha1_sum() : context_(EVP_MD_CTX_new()) {
  try {
    begin(context_);
  } catch (...) {
    EVP_MD_CTX_free(context_);
    throw;
  }
}
sha1_sum::~sha1_sum() {
  EVP_MD_CTX_free(context_);
}

void sha1_sum::add(std::string_view bytes) {
  put(context_, bytes);
}
std::string sha1_sum::text() {
  return end(context_);
}

}  // namespace fanout::fetch
