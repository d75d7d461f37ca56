#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// What robots.txt allows (RFC 9309).
namespace fanout::fetch {

/// The rules of one site for one crawler.
///
/// ```cpp
/// const auto rules = fetch::robots_rules::of_response(200, body, "examplebot");
/// rules.allows("/search?q=1");
/// ```
///
/// The longest pattern that matches decides, and `Allow` where two are equally long; `*` stands for anything, `$` at
/// the end for the end. Groups for the crawler's product token, compared without case, are taken together; those for
/// `*` count where there is none. At most 500 KiB are read. `Crawl-delay`, which the RFC does not have, is read too.
///
/// Thread safety: as any value.
class robots_rules {
 public:
  static constexpr std::size_t longest_text = 500 * 1024;

  /// All is allowed.
  robots_rules() = default;
  /// `product` is the crawler's name, without a version: letters, "-" and "_".
  robots_rules(std::string_view text, std::string_view product);

  /// What the answer to a request for /robots.txt means, redirects followed (section 2.3.1): its rules for 2xx, all
  /// allowed for other statuses below 500, nothing for 500 and above; nothing, too, where no answer came (status 0).
  static robots_rules of_response(int status, std::string_view body, std::string_view product);
  static robots_rules none_allowed();

  /// `target` is path and query, as sent. /robots.txt itself is always allowed.
  bool allows(std::string_view target) const;
  /// From the start of one request to the next.
  std::optional<std::chrono::milliseconds> crawl_delay() const noexcept { return crawl_delay_; }
  /// Of the whole site, whoever asks.
  const std::vector<std::string>& sitemaps() const noexcept { return sitemaps_; }

 private:
  struct rule {
    std::string pattern;
    bool allow = false;
  };

  std::vector<rule> rules_;  ///< the one that decides before others first
  std::optional<std::chrono::milliseconds> crawl_delay_;
  std::vector<std::string> sitemaps_;
};

}  // namespace fanout::fetch
