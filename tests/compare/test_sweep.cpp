#include <fanout/compare/compare.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

namespace fanout {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

/// Rows whose speed-up is what `speedup` says of each count.
template <class Speedup>
comparison made_by(const std::vector<shape>& shapes, Speedup speedup) {
  comparison made;
  for (const shape& each : shapes) {
    comparison_row row;
    row.shape = row.cost.shape = each;
    row.cost.wall = std::chrono::nanoseconds(std::llround(10e9 / speedup(static_cast<double>(each.tasks))));
    made.rows.push_back(row);
  }
  return made;
}

TEST(sweep, counts_double_up_to_the_last) {
  const auto names = [](const shape& most) {
    std::vector<std::string> all;
    for (const auto& each : sweep_shapes(most)) all.push_back(to_string(each));
    return all;
  };
  EXPECT_THAT(names(threads(6)), testing::ElementsAre("threads:1", "threads:2", "threads:4", "threads:6"));
  EXPECT_THAT(names(processes(1)), testing::ElementsAre("processes:1"));
  for (const auto& none : {sync(), automatic(), grid(2, 2, 1)})
    EXPECT_THROW(sweep_shapes(none), std::invalid_argument) << to_string(none);
}

TEST(sweep, finds_the_share_that_amdahls_law_was_given) {
  const auto found = scaling_of(made_by(sweep_shapes(threads(16)), [](double n) { return 1 / (0.2 + 0.8 / n); }));
  EXPECT_NEAR(found.serial_share.value(), 0.2, 1e-6);
  EXPECT_NEAR(found.points.back().speedup, 4, 1e-6);
  EXPECT_EQ(found.stops_paying_at, 16U);
}

TEST(sweep, finds_what_the_universal_scalability_law_was_given_and_its_peak) {
  const auto law = [](double n) { return n / (1 + 0.05 * (n - 1) + 0.01 * n * (n - 1)); };
  const auto found = scaling_of(made_by(sweep_shapes(processes(64)), law));
  EXPECT_NEAR(found.contention.value(), 0.05, 1e-6);
  EXPECT_NEAR(found.coherency.value(), 0.01, 1e-6);
  EXPECT_NEAR(found.peak.value(), std::sqrt(0.95 / 0.01), 1e-3);
  EXPECT_EQ(found.stops_paying_at, 8U) << "the measured point nearest to the peak";
  EXPECT_THAT(render_sweep(found),
              AllOf(HasSubstr("processes pays up to 8: more is not faster"), HasSubstr("maximum is at 10")));
}

TEST(sweep, perfect_scaling_has_no_peak_and_none_at_all_stops_at_one) {
  const auto perfect = scaling_of(made_by(sweep_shapes(async(8)), [](double n) { return n; }));
  EXPECT_NEAR(perfect.serial_share.value(), 0, 1e-6);
  EXPECT_EQ(perfect.peak, std::nullopt);
  const auto none = scaling_of(made_by(sweep_shapes(threads(8)), [](double) { return 1.0; }));
  EXPECT_NEAR(none.serial_share.value(), 1, 1e-6);
  EXPECT_EQ(none.stops_paying_at, 1U);
  EXPECT_THAT(render_sweep(none), HasSubstr("threads does not pay: more than 1 is not faster."));
}

TEST(sweep, differences_below_the_noise_do_not_pay) {
  auto rows = made_by(sweep_shapes(threads(4)), [](double n) { return n == 4 ? 1.95 : std::min(n, 1.9); });
  rows.noise = 0.05;
  EXPECT_EQ(scaling_of(rows).stops_paying_at, 2U);
}

TEST(sweep, next_to_other_programs_nothing_is_concluded) {
  auto rows = made_by(sweep_shapes(threads(4)), [](double n) { return 1 + n / 100; });
  rows.cores = 4;
  rows.tasks = 8;
  rows.cpu_share = 1;
  rows.load.others = 2;
  for (auto& row : rows.rows) row.cost.threads = row.shape.threads;
  rows.doubt = "other programs used 2.00 of the 4 cores";
  const auto found = scaling_of(rows);
  EXPECT_FALSE(found.stops_paying_at || found.serial_share || found.contention);
  EXPECT_THAT(render_sweep(found), HasSubstr("Cannot tell how far threads pays: other programs used 2.00 of"));
}

TEST(sweep, a_point_that_failed_is_shown_and_left_out) {
  auto rows = made_by(sweep_shapes(threads(4)), [](double n) { return n; });
  rows.rows[1].failure = "gone\x1b";
  const auto found = scaling_of(rows);
  EXPECT_NEAR(found.points[2].speedup, 4, 1e-6);
  EXPECT_EQ(found.contention, std::nullopt) << "two points do not make a plane";
  EXPECT_THAT(render_sweep(found), HasSubstr("gone\\x1b"));
  std::istringstream narrow(render_sweep(found, 50));
  for (std::string line; std::getline(narrow, line);) EXPECT_LE(line.size(), 50U) << line;
}

}  // namespace
}  // namespace fanout
