#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Sitemaps (sitemaps.org, protocol 0.90) as their bytes come.
namespace fanout::fetch {

/// A text that is no sitemap, or larger than one may be.
class sitemap_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What a sitemap lists: a page, or another sitemap.
struct sitemap_entry {
  std::string location;
  bool is_sitemap = false;
  std::string last_modified = {};
};

/// Reads a sitemap or an index of sitemaps. Elements of other namespaces (images, news) are passed over. Memory does
/// not grow with the sitemap. Entities of its own are an error, so that a small file cannot be a large one.
///
/// ```cpp
/// fetch::sitemap_reader reader;
/// reader.feed(bytes, found);
/// reader.finish(found);
/// ```
///
/// Thread safety: none.
class sitemap_reader {
 public:
  static constexpr std::uint64_t most_bytes = std::uint64_t{100} << 20;  ///< twice what the protocol allows
  static constexpr std::size_t most_location_bytes = 64 * 1024;
  static constexpr int most_depth = 32;  ///< of elements

  sitemap_reader();
  ~sitemap_reader();

  /// Appends what it finds. Throws `sitemap_error`.
  void feed(std::string_view bytes, std::vector<sitemap_entry>& found);
  void finish(std::vector<sitemap_entry>& found);

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace fanout::fetch
