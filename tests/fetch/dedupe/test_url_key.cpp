#include <fanout/fetch/url_key.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

using fanout::fetch::url_key;

TEST(url_key, is_the_same_for_what_asks_for_the_same) {
  const std::vector<std::vector<std::string>> same{
      {"http://example.org", "HTTP://EXAMPLE.org:80/", " http://example.org/#top", "http://example.org/./x/.."},
      {"https://example.org/", "https://example.org:443"},
      {"http://example.org/~joe", "http://example.org/%7ejoe", "http://example.org/%7Ejoe"},
      {"http://example.org/a%2Fb", "http://example.org/a%2fb"},
      {"http://example.org/?q=%C3%BC", "http://example.org/?q=%c3%bc", "http://example.org/?q=\xc3\xbc"},
      {"http://127.0.0.1/", "http://0x7f.1/"},
      {"http://xn--bcher-kva.example/",
       "http://b\xc3\xbc"
       "cher.example/"},
  };
  for (const auto& urls : same)
    for (const auto& url : urls) EXPECT_EQ(url_key(url), url_key(urls[0])) << url;
}

TEST(url_key, differs_where_a_server_may_tell_them_apart) {
  const std::vector<std::string> all{
      "http://example.org/",         "https://example.org/",
      "http://www.example.org/",     "http://example.org:8080/",
      "http://example.org/a",        "http://example.org/A",
      "http://example.org/a/",       "http://example.org/index.html",
      "http://example.org/a%2Fb",    "http://example.org/a/b",
      "http://example.org/?a=1&b=2", "http://example.org/?b=2&a=1",
      "http://example.org/?",        "http://me@example.org/",
      "http://me:x@example.org/",    "http://example.org/%",
      "http://example.org/%2",       "http://example.org/%zz",
      "http://example.org/%25",      "not a URL",
  };
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = i + 1; j < all.size(); ++j) EXPECT_NE(url_key(all[i]), url_key(all[j])) << all[i];
}

TEST(url_key, is_its_own_key) {
  for (const char* const url : {"http://example.org/%7e%2f%zz?%c3%BC", "http://example.org/%2541", "no URL at all"})
    EXPECT_EQ(url_key(url_key(url)), url_key(url)) << url;
}

}  // namespace
