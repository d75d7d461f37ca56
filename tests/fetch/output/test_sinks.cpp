#include <fanout/fetch/sinks.hpp>

#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace {

using namespace fanout::fetch;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class sinks_test : public ::testing::Test {
 protected:
  sinks_test() {
    asked_.url = "http://example.org/";
    result_.status = 200;
    result_.bytes = 4;
    result_.headers = {{"X-One", "1"}};
    result_.body = "page";
  }

  output file() { return output::create(directory_ / "file"); }
  /// Hands the record to the sink and returns the file.
  std::string taken_by(sink& one) {
    writer to;
    finished all{7, asked_, result_};
    all.file = file_;
    one.take(all, to);
    to.finish();
    one.close();
    return read_file(directory_ / "file");
  }

  temporary_directory directory_;
  request asked_;
  record result_;
  std::string file_;
};

TEST_F(sinks_test, json_lines_have_what_is_asked_for) {
  json_lines brief(file());
  EXPECT_FALSE(brief.wants_bodies());
  EXPECT_FALSE(brief.wants_headers());
  file_ = "00000007";
  EXPECT_THAT(taken_by(brief), AllOf(StartsWith(R"({"index":7,)"), HasSubstr(R"("file":"00000007")"),
                                     Not(HasSubstr("X-One")), Not(HasSubstr("body")), EndsWith("}\n")));
  json_lines whole(file(), {.headers = true, .body = true});
  EXPECT_TRUE(whole.wants_bodies());
  EXPECT_TRUE(whole.wants_headers());
  EXPECT_THAT(taken_by(whole), AllOf(HasSubstr("X-One"), HasSubstr(R"("body":"page")")));
}

TEST_F(sinks_test, lines_for_people) {
  readable_lines lines(file());
  EXPECT_THAT(taken_by(lines), StartsWith("200 "));
}

TEST_F(sinks_test, a_page_and_its_header) {
  body_output page(directory_ / "file");
  EXPECT_TRUE(page.wants_bodies());
  EXPECT_EQ(page.body_path(), directory_ / "file");
  EXPECT_EQ(taken_by(page), "page");
  head_output head(file());
  EXPECT_TRUE(head.wants_headers());
  EXPECT_EQ(taken_by(head), "HTTP/1.1 200\nX-One: 1\n\n");
  result_ = {};
  head_output none(file());
  EXPECT_EQ(taken_by(none), "");
  body_output lost(directory_ / "file");
  EXPECT_EQ(taken_by(lost), "");
  EXPECT_THROW(body_output(directory_ / "none/file"), output_error);
}

TEST_F(sinks_test, a_directory_names_its_files_to_those_that_follow) {
  body_files files(directory_ / "bodies");
  EXPECT_TRUE(files.wants_bodies());
  writer to;
  finished all{7, asked_, result_};
  files.take(all, to);
  EXPECT_EQ(all.file, "00000007");
  EXPECT_EQ(result_.body, "page");  // for another sink
  record other = result_;
  finished last{8, asked_, other, true};
  files.take(last, to);
  record failed;
  finished lost{9, asked_, failed};
  files.take(lost, to);
  EXPECT_EQ(lost.file, "");
  to.finish();
  EXPECT_EQ(read_file(directory_ / "bodies/00000007"), "page");
  EXPECT_EQ(read_file(directory_ / "bodies/00000008"), "page");
  EXPECT_THROW(read_file(directory_ / "bodies/00000009"), std::runtime_error);
}

TEST_F(sinks_test, a_callback_may_hand_work_to_the_writer) {
  std::string seen;
  record_callback calls([&](finished& each, writer& to) {
    seen = each.asked.url;
    to.add(1, [&] { seen += " written"; });
  });
  writer to;
  finished all{7, asked_, result_};
  calls.take(all, to);
  to.finish();
  EXPECT_EQ(seen, "http://example.org/ written");
}

}  // namespace
