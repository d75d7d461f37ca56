#pragma once

#include "fetch/sources/request_list.hpp"

#include <memory>
#include <string>

/// \file
/// Pages that sitemaps list.
namespace fanout::fetch {

/// Whether an argument of `-i` is a sitemap: a URL of http or https, or a name that ends in `.xml`, packed or not.
bool names_sitemap(const std::string& list);
/// Whether such a list has to have a store to be the same when it is read again: it is fetched, or an index.
bool needs_store(const std::string& list);
/// Whether a file is an index of sitemaps, some of which may have to be fetched.
bool is_sitemap_index(const std::string& path);

/// The pages of a sitemap, or of all those that an index names; `lastmod` comes in `request::extra`. An index names
/// sitemaps by URL, which are fetched when their turn comes, on a thread of its own, or by a relative name, which is
/// that of a file in the directory of the index. A sitemap is read once, however often it is named. One that cannot be
/// read is a request with a `problem`, but for the first, which throws.
///
/// With a store, sitemaps that are in it are read from there, and others, files too, are put into it; but not the first
/// one, if it is a file.
///
/// Limits: those of `sitemap_reader`; three levels of indexes, and a million sitemaps.
///
/// Thread safety: none.
class sitemap_list final : public request_list {
 public:
  explicit sitemap_list(const std::string& name);
  ~sitemap_list() override;

  std::optional<request> next(bool passthrough) override;
  bool ready() override;
  int handle() const noexcept override;
  void set_settings(const settings& how) override;
  void set_store(std::shared_ptr<sitemap_store> store) override;

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace fanout::fetch
