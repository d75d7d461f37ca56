#include <fanout/fetch/remote_name.hpp>

#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace {

using namespace fanout::fetch;
using fanout_test::read_file;
using fanout_test::temporary_directory;

TEST(remote_name, of_urls) {
  EXPECT_EQ(name_from_url("http://a/b/c.txt?d/e#f/g"), "c.txt");
  EXPECT_EQ(name_from_url("a.test/c"), "c");
  EXPECT_EQ(name_from_url("http://a/b%20c"), "b%20c");
  for (const char* none : {"http://a", "http://a/", "http://a/b/", "a.test", ""})
    EXPECT_EQ(name_from_url(none), "") << none;
}

// CVE-2020-8177 and its kind: a name of the server's choice is one file in one directory, and none that something reads
// without being asked.
TEST(remote_name, no_name_leads_elsewhere) {
  for (const auto& [given, safe] :
       {std::pair("../../x", "x"), std::pair("..\\..\\x", "x"), std::pair("/etc/passwd", "passwd"),
        std::pair("..", "__"), std::pair(".", "_"), std::pair(".bashrc", "_bashrc"), std::pair("...x", "___x"),
        std::pair("-rf", "_rf"), std::pair("a\nb\x1b", "a_b_"), std::pair("x/", ""), std::pair("C:\\x", "x"),
        std::pair("", "")})
    EXPECT_EQ(safe_file_name(given), safe) << given;
  EXPECT_EQ(safe_file_name(std::string("a\0b", 3)), "a_b");
  EXPECT_EQ(safe_file_name(std::string(1000, 'x')).size(), 240u);
  std::string wide;
  for (int i = 0; i < 200; ++i) wide += "\xc3\xbc";
  EXPECT_EQ(safe_file_name("x" + wide).size(), 239u) << "no character is cut in two";
}

// RFC 6266 section 5 and what is seen in practice.
TEST(remote_name, of_dispositions) {
  EXPECT_EQ(name_from_disposition("attachment; filename=example.html"), "example.html");
  EXPECT_EQ(name_from_disposition("INLINE; FILENAME= \"an example.html\""), "an example.html");
  EXPECT_EQ(name_from_disposition("attachment; filename=\"a;b\\\"c\"; x=y"), "a;b\"c");
  EXPECT_EQ(name_from_disposition("attachment; filename*= UTF-8''%e2%82%ac%20rates"), "\xe2\x82\xac rates");
  EXPECT_EQ(name_from_disposition("attachment; filename=\"EURO rates\"; filename*=utf-8'en'%e2%82%ac"), "\xe2\x82\xac");
  EXPECT_EQ(name_from_disposition("attachment; filename=a; filename*=ISO-8859-1''%e9"), "a");
  EXPECT_EQ(name_from_disposition("attachment; filename=a; filename*=UTF-8''%ff%2"), "a");
  EXPECT_EQ(name_from_disposition("attachment; filename*=UTF-8''..%2f..%2fx"), "x");
  EXPECT_EQ(name_from_disposition("attachment; filename*=UTF-8''%2ebashrc"), "_bashrc");
  for (const char* none : {"", "attachment", "attachment; x", "attachment; filename", "attachment; filename=",
                           "filename=x", "attachment; filename=\"", "attachment; filename=\"/\""})
    EXPECT_EQ(name_from_disposition(none), "") << none;
  const std::string whole = "attachment; filename=\"a;b\\\"c\"; filename*=UTF-8'en'%e2%82%ac";
  for (std::size_t size = 0; size < whole.size(); ++size) name_from_disposition(whole.substr(0, size));
}

TEST(remote_name, nothing_is_overwritten) {
  const temporary_directory directory;
  const std::string path = directory / "";
  for (const char* expected : {"x", "x.1", "x.2"}) {
    const std::string from = directory.write("from", expected);
    EXPECT_EQ(rename_to_free_name(from, path, "x"), path + expected);
  }
  EXPECT_EQ(read_file(directory / "x"), "x");
  EXPECT_EQ(read_file(directory / "x.2"), "x.2");
  std::filesystem::create_symlink("/no/such", directory / "link");
  EXPECT_EQ(rename_to_free_name(directory.write("from", "l"), path, "link"), path + "link.1");
  EXPECT_EQ(rename_to_free_name(directory / "none", path, "y"), std::nullopt);
}

}  // namespace
