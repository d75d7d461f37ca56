#include <fanout/fetch/robots.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fanout::fetch::robots_rules;

struct robots_case {
  const char* text;
  const char* target;
  bool allowed;
};

// Sections are those of RFC 9309. Protego 0.2.1 was asked as well, by hand, and says the same of all but three.
const robots_case robots_table[] = {
    {"", "/x", true},
    {"User-agent: *\nDisallow: /", "/x", false},
    {"User-agent: *\nDisallow: /", "/robots.txt", true},  // 2.2.2; protego does not know
    {"User-agent: *\nDisallow:", "/x", true},
    {"user-AGENT: Example-Bot\ndisallow: /x", "/x", false},
    {"User-agent: example-bot/2.0 (+http://x)\nDisallow: /x", "/x", false},  // 2.2.1; protego compares the whole value
    {"User-agent: example\nDisallow: /x", "/x", true},  // another product; protego takes it for a prefix
    {"User-agent: *\nDisallow: /x\nUser-agent: example-bot\nDisallow: /y", "/x", true},
    {"User-agent: *\nDisallow: /x\nUser-agent: example-bot\nDisallow: /y", "/y", false},
    {"User-agent: example-bot\n\nUser-agent: *\nDisallow: /x", "/x", false},  // 2.2.1, one group of two
    {"User-agent: example-bot\nDisallow: /x\n\nUser-agent: other\nDisallow: /\n\nUser-agent: example-bot\nDisallow: /y",
     "/y", false},  // 2.2.1, taken together
    {"User-agent: example-bot\nDisallow: /x\n\nUser-agent: other\nDisallow: /\n\nUser-agent: example-bot\nDisallow: /y",
     "/z", true},
    {"Disallow: /x\nUser-agent: *\nDisallow: /y", "/x", true},  // of nobody's group
    {"User-agent: *\nAllow: /p\nDisallow: /", "/page", true},   // 2.2.2, the longest decides
    {"User-agent: *\nAllow: /p\nDisallow: /", "/other", false},
    {"User-agent: *\nDisallow: /folder\nAllow: /folder", "/folder/page", true},  // equal: allowed
    {"User-agent: *\nAllow: /page\nDisallow: /*.htm", "/page.htm", false},
    {"User-agent: *\nAllow: /$\nDisallow: /", "/", true},
    {"User-agent: *\nAllow: /$\nDisallow: /", "/page.htm", false},
    {"User-agent: *\nDisallow: /*.php$", "/a/b.php", false},
    {"User-agent: *\nDisallow: /*.php$", "/a/b.php?x", true},
    {"User-agent: *\nDisallow: /*.php$", "/a.php.php", false},
    {"User-agent: *\nDisallow: /fish*", "/fishheads", false},
    {"User-agent: *\nDisallow: /fish*", "/Fish", true},
    {"User-agent: *\nDisallow: /*/private/*/x", "/a/private/b/c/x/y", false},
    {"User-agent: *\nDisallow: /*/private/*/x", "/private/b/x", true},
    {"User-agent: *\nDisallow: /a$b", "/a$b", false},  // "$" in the middle is a character
    {"User-agent: *\nDisallow: *", "/x", false},
    {"User-agent: *\nDisallow: /%7ejoe", "/~joe/index.html", false},
    {"User-agent: *\nDisallow: /~joe", "/%7Ejoe/", false},
    {"User-agent: *\nDisallow: /a%3cd.html", "/a%3Cd.html", false},
    {"User-agent: *\nDisallow: /a%2fb", "/a/b", true},  // an escaped slash is another one
    {"User-agent: *\nDisallow: /f\xc3\xbc", "/f%C3%BCr", false},
    {"User-agent: *\nDisallow: /x # no comment", "/x", false},
    {"# only this\nUser-agent: * # all\nDisallow: /x", "/x", false},
    {"\xef\xbb\xbfUser-agent: *\r\nDisallow: /x\r\nAllow: /x/y\r\n", "/x/y", true},
    {"User-agent: *\rDisallow: /x\r", "/x", false},
    {"User-agent : *\nDisallow : /x", "/x", false},
    {"User-agent: *\nNonsense\nNoindex: /y\nDisallow: /x", "/x", false},
    {"User-agent: *\nSitemap: http://x/s.xml\nDisallow: /x", "/x", false},  // 2.2.4, other records end no group
    {"User-agent: a\nSitemap: http://x/s.xml\nUser-agent: example-bot\nDisallow: /x", "/x", false},
    {"User-agent: *\nDisallow: /search?q=", "/search?q=1", false},
};

TEST(robots, table) {
  for (const auto& [text, target, allowed] : robots_table)
    EXPECT_EQ(robots_rules(text, "example-bot").allows(target), allowed) << text << "\n-> " << target;
}

TEST(robots, what_an_answer_means) {  // section 2.3.1
  const std::string body = "User-agent: *\nDisallow: /x";
  const auto allows = [&](int status, const char* target) {
    return robots_rules::of_response(status, body, "bot").allows(target);
  };
  EXPECT_FALSE(allows(200, "/x"));
  EXPECT_TRUE(allows(200, "/y"));
  for (const int status : {301, 400, 401, 403, 404, 410, 429, 451}) EXPECT_TRUE(allows(status, "/x")) << status;
  for (const int status : {0, 500, 502, 503, 599}) EXPECT_FALSE(allows(status, "/y")) << status;
  EXPECT_TRUE(allows(503, "/robots.txt"));
}

TEST(robots, delays_and_sitemaps) {
  const robots_rules rules(
      "User-agent: a\nCrawl-delay: 7\nUser-agent: bot\nCrawl-delay: 1.5\nDisallow: /x\n"
      "Sitemap: http://x/1.xml\nUser-agent: *\nCrawl-delay: 9\nSITEMAP:http://x/2.xml.gz",
      "bot");
  EXPECT_EQ(rules.crawl_delay(), 1'500ms);
  EXPECT_EQ(rules.sitemaps(), (std::vector<std::string>{"http://x/1.xml", "http://x/2.xml.gz"}));
  for (const char* const none : {"-1", "nan", "inf", "1s", "", "100000", "1e99"})
    EXPECT_EQ(robots_rules("User-agent: *\nCrawl-delay: " + std::string(none), "bot").crawl_delay(), std::nullopt)
        << none;
}

TEST(robots, reads_500_kib_and_no_half_of_a_line) {
  std::string text = "User-agent: *\nDisallow: /first\n";
  while (text.size() < robots_rules::longest_text - 20) text += "# padding\n";
  text += "Disallow: /aaaaaaaaaaaaaaaaaaaaaa\nDisallow: /last\n";
  const robots_rules rules(text, "bot");
  EXPECT_FALSE(rules.allows("/first"));
  EXPECT_TRUE(rules.allows("/last"));
  EXPECT_TRUE(rules.allows("/aaaa"));
}

TEST(robots, stars_cost_no_more_than_their_number) {
  std::string pattern = "User-agent: *\nDisallow: /";
  for (int i = 0; i < 2'000; ++i) pattern += "*a";
  const robots_rules rules(pattern + "*b", "bot");
  EXPECT_TRUE(rules.allows("/" + std::string(8'000, 'a')));
  EXPECT_FALSE(rules.allows("/" + std::string(8'000, 'a') + "b"));
}

}  // namespace
