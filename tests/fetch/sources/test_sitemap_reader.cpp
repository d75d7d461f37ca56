#include "fetch/sources/sitemap_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace fanout::fetch;
using ::testing::HasSubstr;

std::vector<sitemap_entry> read(std::string_view text, std::size_t piece = 1'000'000) {
  sitemap_reader reader;
  std::vector<sitemap_entry> found;
  for (std::size_t at = 0; at < text.size(); at += piece) reader.feed(text.substr(at, piece), found);
  reader.finish(found);
  return found;
}

std::string refusal(std::string_view text) {
  try {
    read(text);
  } catch (const sitemap_error& refused) {
    return refused.what();
  }
  return "none";
}

constexpr std::string_view urlset = R"(<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
        xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
  <url>
    <loc> http://x/a?b=1&amp;c=2 </loc>
    <lastmod>2026-11-30</lastmod>
    <image:image><image:loc>http://x/image.png</image:loc></image:image>
    <image:loc>http://x/image.png</image:loc>
  </url>
  <url><loc><![CDATA[http://x/b]]></loc><priority>0.5</priority></url>
  <url><lastmod>2026-11-29</lastmod></url>
</urlset>
)";

TEST(sitemap_reader, pages_however_they_come) {
  for (const std::size_t piece : {1u, 7u, 100'000u}) {
    const auto found = read(urlset, piece);
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].location, "http://x/a?b=1&c=2");
    EXPECT_EQ(found[0].last_modified, "2026-11-30");
    EXPECT_FALSE(found[0].is_sitemap);
    EXPECT_EQ(found[1].location, "http://x/b");
    EXPECT_EQ(found[1].last_modified, "");
  }
}

TEST(sitemap_reader, indexes_and_what_has_no_namespace) {
  const auto found = read("<sitemapindex><sitemap><loc>http://x/1.xml</loc></sitemap></sitemapindex>");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].is_sitemap);
  EXPECT_EQ(
      read("<s:urlset xmlns:s='http://www.google.com/schemas/sitemap/0.84'><s:url><s:loc>http://x/</s:loc></s:url>"
           "</s:urlset>")
          .size(),
      1u);
}

TEST(sitemap_reader, what_it_refuses) {
  EXPECT_THAT(refusal("<html><body/></html>"), HasSubstr("it begins with <html>"));
  EXPECT_THAT(refusal("<urlset><url>"), HasSubstr("line 1: "));
  EXPECT_THAT(refusal("http://x/\n"), HasSubstr("line 1: "));
  EXPECT_THAT(refusal(""), HasSubstr("no element found"));
  EXPECT_THAT(refusal("<!DOCTYPE urlset [<!ENTITY a 'b'>]><urlset><url><loc>&a;</loc></url></urlset>"),
              HasSubstr("it declares entities"));
  std::string deep = "<urlset>";
  for (int i = 0; i < 40; ++i) deep += "<a>";
  EXPECT_THAT(refusal(deep), HasSubstr("too deep"));
  EXPECT_THAT(refusal("<urlset><url><loc>http://" + std::string(70'000, 'x')), HasSubstr("too long"));
  std::string large = "<urlset>" + std::string(sitemap_reader::most_bytes, ' ') + "</urlset>";
  EXPECT_THAT(refusal(large), HasSubstr("larger than 100 MiB"));
}

}  // namespace
