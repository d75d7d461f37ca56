#pragma once

#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace fanout::fetch {

/// "sha1:" and the digest in base 32 (RFC 4648), as archives of the web write it. Thread safety: any thread.
std::string sha1_digest(std::string_view first, std::string_view second = {});

/// The same of what is added piece by piece. Thread safety: none.
class sha1_sum {
 public:
  sha1_sum();
  sha1_sum(const sha1_sum&) = delete;
  sha1_sum& operator=(const sha1_sum&) = delete;
  ~sha1_sum();

  void add(std::string_view bytes);
  /// Once, at the end.
  std::string text();

 private:
  evp_md_ctx_st* context_;
};

}  // namespace fanout::fetch
