#include <fanout/core/shape.hpp>
#include <fanout/fetch/input_identity.hpp>
#include <fanout/fetch/job.hpp>
#include <fanout/fetch/request_source.hpp>
#include <fanout/origin/background.hpp>

#include "fetch/packing.hpp"
#include "fetch/sources/sitemap_list.hpp"
#include "http/scripted_server.hpp"
#include "support/leaks.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

namespace {

using namespace fanout::fetch;
using fanout_test::scripted_server;
using fanout_test::temporary_directory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string sitemap_of(const std::vector<std::string>& locations, const char* outer = "urlset",
                       const char* inner = "url") {
  std::string text = std::string("<?xml version='1.0'?><") + outer + ">";
  for (const auto& each : locations) text += std::string("<") + inner + "><loc>" + each + "</loc></" + inner + ">";
  return text + "</" + outer + ">";
}
std::string index_of(const std::vector<std::string>& locations) {
  return sitemap_of(locations, "sitemapindex", "sitemap");
}

/// A server of these pages; others are 404.
scripted_server::script pages_of(std::map<std::string, std::string> pages) {
  return [pages = std::move(pages)](fanout_test::peer& client, int) {
    for (;;) {
      const std::string asked = client.read_request();
      if (asked.empty()) return;
      const auto begin = asked.find(' ') + 1;
      const auto found = pages.find(asked.substr(begin, asked.find(' ', begin) - begin));
      client.send(found == pages.end() ? "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
                                       : fanout_test::ok(found->second));
    }
  };
}

class sitemap_list_test : public fanout::test::leak_checked {
 protected:
  /// URLs, or problems.
  std::vector<std::string> all(const std::string& list) {
    std::vector<std::string> found;
    request_source source({}, list);
    while (auto each = source.next()) found.push_back(each->problem.empty() ? each->url : each->problem);
    return found;
  }
  temporary_directory directory_;
};

TEST_F(sitemap_list_test, files_plain_and_packed) {
  const std::string text = sitemap_of({"http://x/a", "http://x/b"});
  EXPECT_THAT(all(directory_.write("map.xml", text)), ElementsAre("http://x/a", "http://x/b"));
  EXPECT_THAT(all(directory_.write("map.xml.gz", fanout_test::gzip(text))), ElementsAre("http://x/a", "http://x/b"));
  EXPECT_THAT(all(directory_.write("map.xml.zst", fanout_test::zstd(text))), ElementsAre("http://x/a", "http://x/b"));
  EXPECT_TRUE(can_be_read_again(directory_ / "map.xml"));
  request_source source({}, directory_.write("dated.xml",
                                             "<urlset><url><loc>http://x/</loc><lastmod>2026-11-30"
                                             "</lastmod></url></urlset>"));
  const auto dated = source.next();
  ASSERT_TRUE(dated);
  EXPECT_EQ(dated->extra, R"(,"lastmod":"2026-11-30")");
  EXPECT_EQ(dated->method, "GET");
}

TEST_F(sitemap_list_test, an_index_names_files_beside_it) {
  directory_.write("a.xml", sitemap_of({"http://x/1"}));
  directory_.write("b.xml.gz", fanout_test::gzip(sitemap_of({"http://x/2"})));
  const std::string index =
      directory_.write("index.xml", index_of({"a.xml", "b.xml.gz", "a.xml", "../c.xml", "/etc/passwd", "none.xml"}));
  const auto found = all(index);
  ASSERT_EQ(found.size(), 5u);
  EXPECT_THAT(found[0], HasSubstr("../c.xml: it is not in the directory of its index"));
  EXPECT_THAT(found[1], HasSubstr("/etc/passwd: it is not in the directory"));
  EXPECT_EQ(found[2], "http://x/1");
  EXPECT_EQ(found[3], "http://x/2");
  EXPECT_THAT(found[4], HasSubstr("none.xml: "));
  EXPECT_FALSE(can_be_read_again(index));
}

TEST_F(sitemap_list_test, sitemaps_from_a_server) {
  std::map<std::string, std::string> pages;
  scripted_server* made = nullptr;
  std::atomic<bool> ready{false};
  scripted_server server([&](fanout_test::peer& client, int number) {
    while (!ready) std::this_thread::yield();
    pages_of(pages)(client, number);
  });
  made = &server;
  pages["/index.xml"] = index_of({made->url("/a.xml"), made->url("/b.xml.gz"), made->url("/gone.xml"), "file.xml",
                                  made->url("/index.xml"), made->url("/level1.xml")});
  pages["/a.xml"] = sitemap_of({"http://x/1", "http://x/2"});
  pages["/b.xml.gz"] = fanout_test::gzip(sitemap_of({"http://x/3"}));
  pages["/level1.xml"] = index_of({made->url("/level2.xml")});
  pages["/level2.xml"] = index_of({made->url("/level3.xml")});
  pages["/level3.xml"] = sitemap_of({"http://x/never"});
  ready = true;
  const auto found = all(server.url("/index.xml"));
  ASSERT_EQ(found.size(), 6u);
  EXPECT_THAT(found[0], HasSubstr("file.xml: it is no URL of http or https"));
  EXPECT_THAT(std::vector(found.begin() + 1, found.begin() + 4), ElementsAre("http://x/1", "http://x/2", "http://x/3"));
  EXPECT_THAT(found[4], HasSubstr("/gone.xml: 404 Not Found"));
  EXPECT_THAT(found[5], HasSubstr("/level3.xml: it is more than three levels deep"));
  EXPECT_FALSE(can_be_read_again(server.url("/index.xml")));
  try {
    all(server.url("/none.xml"));
    FAIL() << "the first one has to be there";
  } catch (const std::runtime_error& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("/none.xml: 404 Not Found"));
  }
}

TEST_F(sitemap_list_test, a_job_waits_without_holding_a_loop) {
  const fanout::origin::background origin;
  const std::string text = sitemap_of({origin.url("/bytes/1"), origin.url("/bytes/2")});
  scripted_server server(pages_of({{"/a.xml", text}}));
  const std::string index = directory_.write("index.xml", index_of({server.url("/a.xml")}));
  job pages;
  pages.how.shape = fanout::async(2);
  const auto done = pages.run(request_source({}, std::vector{index, server.url("/a.xml")}));
  EXPECT_EQ(done.counts.succeeded, 4u);
}

TEST_F(sitemap_list_test, a_fetch_that_nobody_waits_for_is_given_up) {
  const fanout::origin::background origin;
  {
    sitemap_list list(origin.url("/never"));
    EXPECT_FALSE(list.ready());
    while (origin.statistics().requests_waiting == 0) std::this_thread::yield();
  }
  while (origin.statistics().requests_waiting != 0) std::this_thread::yield();
}

TEST_F(sitemap_list_test, by_its_name) {
  EXPECT_TRUE(names_sitemap("a.xml.gz"));
  EXPECT_TRUE(names_sitemap("https://x/sitemap"));
  EXPECT_FALSE(names_sitemap("xml"));
  EXPECT_FALSE(names_sitemap("a.txt"));
  EXPECT_FALSE(is_sitemap_index(directory_.write("a.xml", sitemap_of({"http://x/"}))));
  EXPECT_TRUE(is_sitemap_index(directory_.write("b.xml.gz", fanout_test::gzip(index_of({"a.xml"})))));
}

TEST_F(sitemap_list_test, with_a_store_files_of_an_index_are_what_they_were) {
  directory_.write("a.xml", sitemap_of({"http://x/1"}));
  directory_.write("b.xml.gz", fanout_test::gzip(sitemap_of({"http://x/2"})));
  const std::string index = directory_.write("index.xml", index_of({"a.xml", "b.xml.gz", "none.xml"}));
  EXPECT_FALSE(can_be_read_again(index));
  EXPECT_TRUE(can_be_kept(index));
  EXPECT_FALSE(can_be_kept(directory_ / "a.xml"));
  for (const bool goes_on : {false, true}) {
    request_source source({}, index);
    source.set_sitemap_store(directory_ / "store", goes_on);
    EXPECT_EQ(source.next()->url, "http://x/1");
    EXPECT_EQ(source.next()->url, "http://x/2");
    EXPECT_THAT(source.next()->problem, HasSubstr("none.xml"));
    EXPECT_FALSE(source.next());
    directory_.write("a.xml", sitemap_of({"http://x/3", "http://x/4"}));
    std::filesystem::remove(directory_ / "b.xml.gz");
    directory_.write("none.xml", sitemap_of({"http://x/5"}));
  }
  request_source list({}, directory_ / "a.xml");
  list.set_sitemap_store(directory_ / "other", true);  // it needs none
  EXPECT_EQ(list.next()->url, "http://x/3");
}

}  // namespace
