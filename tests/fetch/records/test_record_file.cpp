#include <fanout/fetch/output_error.hpp>
#include <fanout/fetch/record_file.hpp>

#include "fetch/records/record_support.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>

namespace {

using namespace fanout::fetch;
using fanout_test::add_record;
using fanout_test::read_file;
using fanout_test::records_in;
using fanout_test::temporary_directory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

const job_identity identity{{"the list", "3 bytes"}};

class record_file_in : public ::testing::TestWithParam<record_format> {
 protected:
  record_file_options how() const { return {.identity = identity}; }
  temporary_directory directory_{fanout_test::memory_path()};
  const std::string path_ = directory_ / "records";
};

TEST_P(record_file_in, it_appears_when_it_is_whole) {
  record_file file(path_, GetParam(), how());
  EXPECT_FALSE(file.resumed());
  add_record(file, 0);
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_TRUE(fs::exists(path_ + ".part"));
  file.close();
  EXPECT_FALSE(fs::exists(path_ + ".part"));
  EXPECT_EQ(records_in(path_, GetParam()).size(), 1u);
  EXPECT_EQ(read_journal(path_ + ".journal").done.size(), 1u);
}

// Whatever length a crash, a full disk or somebody left the file at.
TEST_P(record_file_in, it_goes_on_wherever_the_file_was_cut) {
  std::vector<std::string> journals;  // after each record
  {
    record_file file(path_, GetParam(), {.identity = identity, .interval = std::chrono::milliseconds(1)});
    for (std::uint64_t i = 0; i < 3; ++i) {
      add_record(file, i);
      while (read_journal(path_ + ".journal").done.size() <= i) std::this_thread::yield();
      journals.push_back(read_file(path_ + ".journal"));
    }
    file.keep();
  }
  const std::string bytes = read_file(path_ + ".part");
  for (std::size_t journal = 0; journal < journals.size(); ++journal) {
    const std::size_t step = journal + 1 == journals.size() ? 1 : 17;
    for (std::size_t size = 0; size <= bytes.size(); size += step) {
      directory_.write("records.part", bytes.substr(0, size));
      directory_.write("records.journal", journals[journal]);
      const auto whole = records_in(path_ + ".part", GetParam());
      record_file file(path_, GetParam(), how());
      ASSERT_TRUE(file.resumed());
      ASSERT_EQ(file.done().size(), whole.size()) << size;
      for (std::uint64_t i = 0; i < 3; ++i)
        if (!file.done().contains(i)) add_record(file, i);
      file.keep();
      const auto all = records_in(path_ + ".part", GetParam());
      ASSERT_EQ(all.size(), 3u) << size;
      for (const auto& [index, times] : all) ASSERT_EQ(times.size(), 1u) << index << " of " << size;
    }
    if (::testing::Test::HasFailure()) return;
  }
}

// A disk that was full before the first record: the journal is there, and bodies beside it may be.
TEST_P(record_file_in, it_goes_on_where_nothing_was_written) {
  std::string journal;
  {
    record_file file(path_, GetParam(), how());
    journal = read_file(path_ + ".journal");
  }
  EXPECT_FALSE(fs::exists(path_ + ".part"));
  directory_.write("records.journal", journal);
  {
    record_file other(path_, GetParam(), {.identity = {{"the list", "4 bytes"}}});  // nothing of the first is lost
    EXPECT_FALSE(other.resumed());
  }
  directory_.write("records.journal", journal);
  record_file file(path_, GetParam(), how());
  EXPECT_TRUE(file.resumed());
  EXPECT_EQ(file.done().size(), 0u);
  add_record(file, 0);
  file.close();
  EXPECT_EQ(records_in(path_, GetParam()).size(), 1u);
}

TEST_P(record_file_in, another_job_is_refused) {
  {
    record_file file(path_, GetParam(), how());
    add_record(file, 0);
    file.keep();
  }
  try {
    record_file other(path_, GetParam(), {.identity = {{"the list", "4 bytes"}}});
    FAIL();
  } catch (const journal_error& why) {
    EXPECT_THAT(why.what(), HasSubstr("the list is 4 bytes, and was 3 bytes"));
  }
  record_file anew(path_, GetParam(), {.identity = {{"the list", "4 bytes"}}, .begins_anew = true});
  EXPECT_FALSE(anew.resumed());
}

TEST_P(record_file_in, what_failed_is_taken_out_on_request) {
  for (const bool ended : {true, false}) {
    {
      record_file file(path_, GetParam(), {.identity = identity, .begins_anew = true});
      for (std::uint64_t i = 0; i < 4; ++i) add_record(file, i, i % 2 == 1);
      ended ? file.close() : file.keep();
    }
    auto again = how();
    again.retry_failed = true;
    record_file file(path_, GetParam(), again);
    EXPECT_TRUE(file.resumed());
    EXPECT_EQ(file.done().size(), 2u);
    EXPECT_FALSE(file.done().contains(1) || file.done().contains(3));
    add_record(file, 1);
    add_record(file, 3, true);
    file.close();
    EXPECT_THAT(records_in(path_, GetParam()),
                ElementsAre(std::pair(0, std::vector{false}), std::pair(1, std::vector{false}),
                            std::pair(2, std::vector{false}), std::pair(3, std::vector{true})));
  }
}

TEST_P(record_file_in, nothing_done_leaves_what_was_there) {
  directory_.write("records", "before");
  record_file(path_, GetParam(), how()).close();
  EXPECT_EQ(read_file(path_), "before");
  record_file(path_, GetParam(), how()).keep();
  EXPECT_FALSE(fs::exists(path_ + ".part") || fs::exists(path_ + ".journal"));
  fs::remove(path_);
  record_file(path_, GetParam(), how()).close();
  EXPECT_TRUE(fs::exists(path_));
  EXPECT_FALSE(fs::exists(path_ + ".part") || fs::exists(path_ + ".journal"));
  EXPECT_TRUE(records_in(path_, GetParam()).empty());
}

TEST_P(record_file_in, one_that_nobody_can_go_on_with_gets_its_name) {
  auto once = how();
  once.goes_on_later = false;
  for (const bool there : {false, true}) {
    record_file file(path_, GetParam(), once);
    add_record(file, 0);
    file.keep();
    EXPECT_EQ(fs::exists(path_ + ".part"), there);
    if (!there) directory_.write("records", "before");
  }
  EXPECT_EQ(read_file(path_), "before");
}

TEST_P(record_file_in, a_file_of_many_parts) {
  std::vector<std::string> closed;
  const auto rotating = [&] {
    record_file_options made = how();
    made.rotate_records = 2;
    made.on_close = [&closed](const std::string& each) { closed.push_back(fs::path(each).filename()); };
    return made;
  };
  {
    record_file file(path_, GetParam(), rotating());
    for (std::uint64_t i = 0; i < 5; ++i) add_record(file, i);
    file.keep();
  }
  EXPECT_THAT(closed, ElementsAre("records-00000", "records-00001"));
  {
    record_file file(path_, GetParam(), rotating());
    EXPECT_EQ(file.done().size(), 5u);
    add_record(file, 5);
    EXPECT_THAT(closed, ElementsAre("records-00000", "records-00001", "records-00002"));
    file.close();
  }
  for (int part = 0; part < 3; ++part)
    EXPECT_EQ(records_in(path_ + "-0000" + std::to_string(part), GetParam()).size(), 2u);
  EXPECT_FALSE(fs::exists(path_ + "-00003") || fs::exists(path_ + "-00003.part"));
}

// Between the moment a part gets its name and the moment the next one is begun; the hook is called once more.
TEST_P(record_file_in, a_crash_between_two_parts) {
  std::vector<std::string> closed;
  record_file_options rotating = how();
  rotating.rotate_records = 1;
  rotating.on_close = [&closed](const std::string& each) { closed.push_back(fs::path(each).filename()); };
  {
    record_file file(path_, GetParam(), rotating);
    add_record(file, 0);
    file.keep();
  }
  fs::remove(path_ + "-00001.part");
  closed.clear();
  record_file file(path_, GetParam(), rotating);
  EXPECT_EQ(file.done().size(), 1u);
  EXPECT_THAT(closed, ElementsAre("records-00000"));
  add_record(file, 1);
  file.close();
  EXPECT_TRUE(records_in(path_ + "-00001", GetParam()).contains(1));
}

TEST_P(record_file_in, a_hook_that_fails_ends_the_job_and_the_file_stays) {
  record_file_options refusing = how();
  refusing.on_close = [](const std::string&) { throw output_error("not uploaded"); };
  record_file file(path_, GetParam(), refusing);
  add_record(file, 0);
  EXPECT_THROW(file.close(), output_error);
  EXPECT_EQ(records_in(path_, GetParam()).size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(formats, record_file_in, ::testing::ValuesIn(fanout_test::all_formats),
                         [](const auto& of) { return "f" + std::to_string(static_cast<int>(of.param)); });

TEST(record_file_test, two_processes_do_not_write_one_file) {
  const temporary_directory directory;
  record_file file(directory / "records", record_format::lines, {});
  add_record(file, 0);
  EXPECT_THROW(record_file(directory / "records", record_format::lines, {}), journal_error);
}

TEST(record_file_test, half_a_record_is_none) {
  const temporary_directory directory;
  record_file file(directory / "records", record_format::lines, {});
  add_record(file, 0);
  EXPECT_THROW(file.add({1}, [](std::string&) { throw std::runtime_error("no record"); }), std::runtime_error);
  add_record(file, 1);  // which half a record did not spoil
  file.close();
  EXPECT_EQ(records_in(directory / "records", record_format::lines).size(), 2u);
}

TEST(record_file_test, what_waits_is_written_after_a_while) {
  const temporary_directory directory;
  record_file file(directory / "records", record_format::lines, {.interval = std::chrono::milliseconds(2)});
  file.add({0}, [](std::string& text) { text += "{\"index\":0}\n"; });
  while (fs::file_size(directory / "records.part") == 0) std::this_thread::yield();
  while (read_journal(directory / "records.journal").done.size() == 0) std::this_thread::yield();
}

TEST(record_file_test, retrying_needs_a_journal) {
  const temporary_directory directory;
  EXPECT_THROW(record_file(directory / "records", record_format::lines, {.retry_failed = true}), journal_error);
}

}  // namespace
