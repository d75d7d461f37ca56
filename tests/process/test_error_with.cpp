// Errors whose values come back from where the task ran: here, in a worker process, on a node.

#include <fanout/fanout.hpp>
#include <fanout/process/error_with.hpp>

#include "process/channel/wire.hpp"
#include "support/leaks.hpp"
#include "support/node_process.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace errors_with_values {

using namespace fanout;
using testing::HasSubstr;

struct quota {
  std::string account;
  std::vector<int> limits;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(account, limits);
  }
  bool operator==(const quota&) const = default;
};

/// A user's own exception, which derives from the one that travels.
struct quota_error : error_with<quota> {
  using error_with::error_with;
};

int refuse(int x) {
  if (x == 1) throw error_with(quota{"me", {30, 40}}, "the quota is used up", failure_kind::refused_by_policy);
  if (x == 2) throw quota_error(quota{"derived", {}}, "its own type");
  if (x == 3) throw error_with(std::string((1 << 20) + 1, 'x'), "too much to take along");
  if (x == 4) throw std::runtime_error("plain");
  return x;
}

task<int> refuse_later(int x) {
  co_return refuse(x);
}

options collecting(options how) {
  how.on_error = on_error::collect;
  return how;
}

class error_with_tests : public test::leak_checked {};

void check(const std::vector<outcome<int>>& got, bool here) {
  ASSERT_EQ(got.size(), 5U);
  EXPECT_TRUE(got[0].ok());
  EXPECT_EQ(carried<quota>(got[1].error()), (quota{"me", {30, 40}}));
  EXPECT_EQ(got[1].error().kind, failure_kind::refused_by_policy);
  EXPECT_EQ(got[1].error().message, "the quota is used up");
  EXPECT_THAT(got[1].error().type, HasSubstr("quota"));
  EXPECT_EQ(carried<std::string>(got[1].error()), std::nullopt) << "of another type";
  try {
    static_cast<void>(got[1].value());
    ADD_FAILURE() << "nothing was thrown";
  } catch (const error_with<quota>& why) {
    EXPECT_EQ(why.value().account, "me");
    EXPECT_EQ(why.kind(), failure_kind::refused_by_policy);
    EXPECT_STREQ(why.what(), "the quota is used up");
  }
  EXPECT_EQ(carried<quota>(got[2].error()), (quota{"derived", {}}));
  EXPECT_EQ(got[3].error().message, "too much to take along");
  EXPECT_EQ(carried<std::string>(got[3].error()).has_value(), here);
  EXPECT_EQ(carried<quota>(got[4].error()), std::nullopt);
  EXPECT_EQ(got[4].error().message, "plain");
}

const std::vector<int> inputs{0, 1, 2, 3, 4};

TEST_F(error_with_tests, come_back_from_every_shape) {
  check(map_outcomes(collecting(fanout::sync()), remote<refuse>, inputs), true);
  check(map_outcomes(collecting(async(2)), remote<refuse_later>, inputs), true);
  check(map_outcomes(collecting(processes(2)), remote<refuse>, inputs), false);
  check(map_outcomes(collecting(grid(1, 1, 4)), remote<refuse_later>, inputs), !grid(1, 1, 4).uses_workers());
  check(map_outcomes(collecting(grid(2, 1, 4)), remote<refuse_later>, inputs), false);
  EXPECT_THROW(map(processes(1), remote<refuse>, {1}), error_with<quota>);
}

TEST_F(error_with_tests, come_back_from_nodes_and_from_their_workers) {
  for (const shape& under : {threads(2), processes(1)}) {
    test::node_processes all(1, {.shape = under});
    check(map_outcomes(collecting(all.machines().with()), remote<refuse>, inputs), false);
  }
}

TEST_F(error_with_tests, come_back_from_calls) {
  process_pool pool({.processes = 1});
  EXPECT_THROW(pool.submit(remote<refuse>, 1).get(), error_with<quota>);
  EXPECT_THROW(pool.call(remote<refuse>, 1), error_with<quota>);
  EXPECT_THROW(pool.map(remote<refuse>, {1}), error_with<quota>);
  EXPECT_EQ(pool.call(remote<refuse>, 5), 5);
  EXPECT_THROW(sync_wait(to_process(remote<refuse>, 2)), error_with<quota>);
}

failure there_and_back(const failure& sent) {
  std::string bytes;
  detail::encode_failure(sent, bytes);
  return detail::decode_failure(bytes);
}

template <class Exception>
failure failure_of(const Exception& thrown) {
  try {
    throw thrown;
  } catch (...) {
    return current_failure();
  }
}

struct capricious {
  int value = 0;

  template <class Archive>
  void save(Archive& archive) const {
    if (value == 1) throw std::runtime_error("it does not want to leave");
    archive(value);
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(value);
    if (value == 2) throw std::runtime_error("it does not want to arrive");
  }
};

TEST_F(error_with_tests, what_cannot_be_encoded_or_decoded_leaves_the_rest_of_the_failure) {
  EXPECT_EQ(carried<capricious>(there_and_back(failure_of(error_with(capricious{3}, "no"))))->value, 3);
  for (const int value : {1, 2}) {
    const failure arrived = there_and_back(failure_of(error_with(capricious{value}, "no")));
    EXPECT_FALSE(arrived.exception) << value;
    EXPECT_EQ(arrived.message, "no");
  }
}

TEST_F(error_with_tests, a_type_that_is_not_known_or_has_a_namesake_does_not_arrive) {
  failure arrived;
  const std::string bytes(sizeof(int), '\0');
  detail::restore_error(arrived, "no such type", bytes);
  EXPECT_FALSE(arrived.exception);
  const auto make = [](failure, std::string_view) { return std::make_exception_ptr(7); };
  {
    const detail::error_entry one("namesake", make);
    detail::restore_error(arrived, "namesake", bytes);
    EXPECT_TRUE(arrived.exception);
    arrived.exception = nullptr;
    const detail::error_entry other("namesake", make);
    detail::restore_error(arrived, "namesake", bytes);
    EXPECT_FALSE(arrived.exception);
  }
  detail::restore_error(arrived, "namesake", bytes);
  EXPECT_FALSE(arrived.exception) << "its library was unloaded";
}

TEST_F(error_with_tests, without_an_exception_there_is_no_value) {
  EXPECT_EQ(carried<quota>(failure{.kind = failure_kind::timeout, .message = "late"}), std::nullopt);
  EXPECT_TRUE(detail::carried_by({}).type.empty());
}

}  // namespace errors_with_values
