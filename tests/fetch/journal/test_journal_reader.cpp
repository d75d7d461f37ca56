#include <fanout/fetch/journal.hpp>

#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <exception>
#include <string>

namespace {

using fanout::fetch::difference;
using fanout::fetch::job_identity;
using fanout::fetch::journal_error;
using fanout_test::temporary_directory;

const job_identity identity_was{{"input", "urls.txt"}, {"shard", "1/8"}};

std::string what_is_said(const auto& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(journal_reader, says_what_differs) {
  EXPECT_EQ(difference(identity_was, identity_was), "");
  EXPECT_EQ(difference(identity_was, {{"input", "urls.txt"}, {"shard", "2/8"}}), "shard is 2/8, and was 1/8");
  EXPECT_EQ(difference(identity_was, {{"input", "b"}, {"method", "HEAD"}}),
            "input is b, and was urls.txt; method is HEAD, and was not given; shard is not given, and was 1/8");
}

TEST(journal_reader, refuses_files_that_are_none) {
  const temporary_directory directory;
  const auto refusal = [&](const std::string& bytes) {
    const auto path = directory.write("j", bytes);
    auto text = what_is_said([&] { fanout::fetch::read_journal(path); });
    return text.substr(0, text.find(path)) + text.substr(std::min(text.size(), text.find(path) + path.size()));
  };
  EXPECT_EQ(refusal(""), "cannot go on with : it is not a journal of fanout");
  EXPECT_EQ(refusal("http://example.org/\n"), "cannot go on with : it is not a journal of fanout");
  EXPECT_EQ(refusal("fanoutJ9abcdefghijkl"), "cannot go on with : it is of another version of fanout");
  EXPECT_EQ(refusal("fanoutJ1abc"), "cannot go on with : its header is cut off");
  EXPECT_THROW(fanout::fetch::read_journal(directory / "none"), journal_error);
  EXPECT_THROW(fanout::fetch::read_journal(directory.path()), journal_error);
}

TEST(journal_reader, cuts_the_sink_to_what_it_knows_of) {
  const temporary_directory directory;
  const auto path = directory.write("sink", "0123456789");
  fanout::fetch::cut_sink(path, 10);
  fanout::fetch::cut_sink(path, 4);
  EXPECT_EQ(fanout_test::read_file(path), "0123");
  EXPECT_EQ(what_is_said([&] { fanout::fetch::cut_sink(path, 5); }),
            path + " has 4 bytes, and its journal knows of 5: something else has changed it");
  fanout::fetch::cut_sink(directory / "none", 0);
  EXPECT_THROW(fanout::fetch::cut_sink(directory / "none", 1), journal_error);
}

}  // namespace
