#include "fetch/bodies/body_digest.hpp"

#include <fanout/base/failure.hpp>

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cctype>
#include <new>

namespace fanout::fetch {
namespace {

constexpr std::size_t digest_bytes = 32;

}  // namespace

body_digest::body_digest() : context_(EVP_MD_CTX_new()) {
  if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
}
body_digest::~body_digest() = default;

void body_digest::freer::operator()(evp_md_ctx_st* context) const noexcept {
  EVP_MD_CTX_free(context);
}

void body_digest::add(std::string_view piece) {
  EVP_DigestUpdate(context_.get(), piece.data(), piece.size());
}

std::string body_digest::finish() {
  unsigned char sum[digest_bytes] = {};
  EVP_DigestFinal_ex(context_.get(), sum, nullptr);
  std::string text;
  for (const unsigned byte : sum) fmt::format_to(std::back_inserter(text), "{:02x}", byte);
  return text;
}

std::string body_digest::of(std::string_view whole) {
  body_digest sum;
  sum.add(whole);
  return sum.finish();
}

bool is_sha256(std::string_view text) noexcept {
  return text.size() == 2 * digest_bytes &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

void check_digest(std::string_view expected, std::string_view found) {
  if (expected.empty() || boost::beast::iequals(expected, found)) return;
  throw error(failure_kind::digest_mismatch,
              fmt::format("the body has SHA-256 {}, and not {} as the list says", found, expected));
}

void digesting_sink::begin(const http::response& head) {
  if (behind_ != nullptr) behind_->begin(head);
}

task<void> digesting_sink::write(std::string_view piece) {
  sum_.add(piece);
  if (behind_ == nullptr) co_return;
  task<void> writing = behind_->write(piece);
  co_await std::move(writing);
}

void digesting_sink::finish() {
  found_ = sum_.finish();
  check_digest(expected_, found_);
  if (behind_ != nullptr) behind_->finish();
}

void digesting_sink::cut() noexcept {
  if (behind_ != nullptr) behind_->cut();
}

}  // namespace fanout::fetch
