#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

/// \file
/// Sitemaps as a job found them, so that it can go on with the same list.
namespace fanout::fetch {

/// A sitemap, or why it could not be read.
struct kept_sitemap {
  bool failed = false;
  std::string text;  ///< its bytes, or the reason
};

/// A file that sitemaps are added to, by name, before anything of them is fetched: what a server has at that URL
/// tomorrow may be another list, with other numbers. Each is a zstd frame with a checksum; what a crash left behind the
/// last whole one is cut off.
///
/// Errors: `std::runtime_error` where the file that is gone on with is not there, `output_error` for all else.
///
/// Thread safety: none.
class sitemap_store {
 public:
  /// `goes_on`: what is in the file is kept, and it has to be there; otherwise it begins empty.
  sitemap_store(const std::string& path, bool goes_on);
  sitemap_store(const sitemap_store&) = delete;
  sitemap_store& operator=(const sitemap_store&) = delete;
  /// Removes the file if it is empty.
  ~sitemap_store();

  std::optional<kept_sitemap> find(const std::string& name) const;
  /// It is on disk when this returns.
  void add(const std::string& name, const kept_sitemap& what);

 private:
  void read_all();
  std::optional<kept_sitemap> read_at(std::uint64_t at, std::string& name, std::uint64_t& end) const;
  [[noreturn]] void fail(const char* doing, const std::string& why) const;

  const std::string path_;
  fanout::detail::owned_descriptor file_;
  std::uint64_t size_ = 0;
  std::unordered_map<std::string, std::uint64_t> places_;
};

}  // namespace fanout::fetch
