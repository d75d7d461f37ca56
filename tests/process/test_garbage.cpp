// A worker that says anything at all, at any moment: frames that are whole and wrong, cut off, flipped, out of order.
// Its parent kills it and goes on, and each input has exactly one outcome.

#include <fanout/fanout.hpp>

#include "process/channel/progress_page.hpp"
#include "process/channel/wire.hpp"
#include "process/channel/worker_descriptors.hpp"
#include "support/leaks.hpp"
#include "support/sanitized.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <random>
#include <ranges>
#include <string>
#include <vector>

namespace garbage {

using namespace fanout;
using namespace fanout::detail;

/// The task under way on the first lane, as the worker's own page has it.
std::uint64_t own_ordinal() {
  const int copy = fcntl(worker_page, F_DUPFD_CLOEXEC, 0);
  const progress_page page = progress_page::open(copy, 1);
  return page.lane(0).task.load() - 1;
}

template <class... Parts>
std::string frame_of(frame_type type, const Parts&... parts) {
  std::string payload;
  (append_raw(payload, parts), ...);
  std::string bytes;
  append_raw(bytes, frame_header{static_cast<std::uint32_t>(payload.size()), type});
  return bytes + payload;
}

std::string some_frame(std::mt19937& random, std::uint64_t ordinal) {
  const std::uint64_t near = ordinal + random() % 5 - 2;
  switch (random() % 8) {
    case 0:
      return frame_of(frame_type::hello, hello_frame{});
    case 1:
      return frame_of(frame_type::returned, returned_frame{near});
    case 2:
      return frame_of(frame_type::bye, bye_frame{random()});
    case 3:
      return frame_of(frame_type::startup_error, random());
    case 4:
      return frame_of(frame_type::results, results_header{.first_ordinal = near, .count = 1, .each = 4, .ok = 0},
                      std::uint32_t{7});
    case 5:
      return frame_of(frame_type::results, results_header{.first_ordinal = near, .count = 2, .each = 4, .ok = 1},
                      std::array<std::uint32_t, 4>{});
    case 6:
      return frame_of(static_cast<frame_type>(random() % 14), random(), random());
    default:
      return frame_of(frame_type::results, results_header{.first_ordinal = near, .count = 1, .each = 4, .ok = 1},
                      std::uint32_t{0});
  }
}

/// Some frames, and then what becomes of them on a bad line. Then nothing more, and no end either.
int babble(int seed) {
  if (seed % 2 == 0) return seed;
  std::mt19937 random(static_cast<std::uint32_t>(seed));
  std::string bytes;
  for (auto frames = random() % 4 + 1; frames > 0; --frames) bytes += some_frame(random, own_ordinal());
  if (random() % 2 == 0) bytes.resize(bytes.size() - random() % bytes.size());
  for (auto flips = random() % 3; flips > 0; --flips)
    bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
  if (random() % 8 == 0) bytes.insert(0, 70'000, static_cast<char>(random()));
  for (std::string_view rest = bytes; !rest.empty();) {
    const auto sent = send(worker_socket, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent <= 0) break;
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  shutdown(worker_socket, SHUT_WR);
  for (;;) pause();
}

class babbling : public test::leak_checked, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(workers, babbling, testing::Values("processes:2", "2x2x1"));

TEST_P(babbling, cost_their_tasks_and_nothing_else) {
  const int count = test::sanitized ? 40 : 100;
  options how(parse_shape(GetParam()));
  how.on_error = on_error::collect;
  std::vector<int> seen(static_cast<std::size_t>(count));
  int died = 0;
  const report cost = run(how, remote<babble>, std::views::iota(0, count), [&](const outcome<int>& out) {
    ++seen.at(out.index);
    if (!out.ok() && out.error().kind == failure_kind::worker_died) ++died;
  });
  EXPECT_THAT(seen, testing::Each(1));
  EXPECT_GE(died, count / 8);
  EXPECT_GE(cost.restarts, static_cast<std::uint32_t>(count) / 8);
}

}  // namespace garbage
