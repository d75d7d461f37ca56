#include <fanout/fetch/output_error.hpp>

#include "fetch/sources/sitemap_store.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace {

using fanout::fetch::kept_sitemap;
using fanout::fetch::sitemap_store;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::HasSubstr;

class sitemap_store_test : public ::testing::Test {
 protected:
  temporary_directory directory_{fanout_test::memory_path()};
  const std::string path_ = directory_ / "pages.jsonl.sitemaps";
};

TEST_F(sitemap_store_test, gives_back_what_was_added) {
  const std::string large(100'000, 'x');
  {
    sitemap_store store(path_, false);
    store.add("http://a/1.xml", {false, large});
    store.add("http://a/2.xml", {true, "404 Not Found"});
    store.add("http://a/3.xml", {false, ""});
    EXPECT_EQ(store.find("http://a/1.xml")->text, large);
  }
  EXPECT_LT(std::filesystem::file_size(path_), 10'000U);
  const sitemap_store again(path_, true);
  EXPECT_EQ(again.find("http://a/1.xml")->text, large);
  EXPECT_TRUE(again.find("http://a/2.xml")->failed);
  EXPECT_EQ(again.find("http://a/2.xml")->text, "404 Not Found");
  EXPECT_EQ(again.find("http://a/3.xml")->text, "");
  EXPECT_FALSE(again.find("http://a/4.xml"));
}

TEST_F(sitemap_store_test, wherever_it_was_cut_it_goes_on_behind_the_last_whole_one) {
  std::uint64_t first = 0;
  {
    sitemap_store store(path_, false);
    store.add("a", {false, "one"});
    first = std::filesystem::file_size(path_);
    store.add("b", {false, "two"});
  }
  const std::string bytes = read_file(path_);
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    directory_.write("pages.jsonl.sitemaps", bytes.substr(0, size));
    {
      sitemap_store store(path_, true);
      ASSERT_EQ(store.find("a").has_value(), size >= first) << size;
      ASSERT_EQ(store.find("b").has_value(), size == bytes.size()) << size;
      store.add("c", {false, "three"});
    }
    EXPECT_EQ(sitemap_store(path_, true).find("c")->text, "three");
  }
  std::string changed = bytes;
  changed[first + 30] ^= 1;
  directory_.write("pages.jsonl.sitemaps", changed);
  EXPECT_FALSE(sitemap_store(path_, true).find("b"));
}

TEST_F(sitemap_store_test, is_there_where_a_run_goes_on_and_gone_where_there_was_nothing) {
  try {
    sitemap_store(path_, true);
    ADD_FAILURE() << "the list would be another one";
  } catch (const std::runtime_error& gone) {
    EXPECT_THAT(gone.what(), HasSubstr("--restart"));
  }
  {
    const sitemap_store empty(path_, false);
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_THROW(sitemap_store(directory_ / "no/file", false), fanout::fetch::output_error);
}

}  // namespace
