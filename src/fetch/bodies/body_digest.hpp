#pragma once

#include <fanout/fetch/body_sink.hpp>

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

/// \file
/// SHA-256 of bodies.
namespace fanout::fetch {

/// SHA-256 of what comes piece by piece.
///
/// Thread safety: none.
class body_digest {
 public:
  body_digest();
  ~body_digest();

  void add(std::string_view piece);
  /// In hexadecimal, lower case. Once.
  std::string finish();

  static std::string of(std::string_view whole);

 private:
  struct freer {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  std::unique_ptr<evp_md_ctx_st, freer> context_;
};

/// Whether a text is a digest as `body_digest` gives them, in either case.
bool is_sha256(std::string_view text) noexcept;

/// Throws a `fanout::error` of kind `digest_mismatch` where `expected`, in either case, is another digest; an empty
/// one is any.
void check_digest(std::string_view expected, std::string_view found);

/// Passes a body on, or nowhere, and computes its digest. What is not as expected fails before the sink behind it is
/// told that the body is whole.
///
/// Thread safety: as `body_sink`.
class digesting_sink final : public body_sink {
 public:
  /// `behind` may be null; `expected` may be empty.
  digesting_sink(body_sink* behind, std::string_view expected) : behind_(behind), expected_(expected) {}

  void begin(const http::response& head) override;
  task<void> write(std::string_view piece) override;
  void finish() override;
  void cut() noexcept override;

  /// Valid once it is finished, or has failed to.
  const std::string& digest() const noexcept { return found_; }

 private:
  body_sink* const behind_;
  const std::string expected_;
  body_digest sum_;
  std::string found_;
};

}  // namespace fanout::fetch
