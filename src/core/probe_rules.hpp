#pragma once

#include <chrono>
#include <cstdint>

/// \file
/// What a probe concludes from what it saw: the rules of `automatic`, apart from the clocks that they are fed by.
namespace fanout::detail {

constexpr std::chrono::milliseconds probe_period{200};
constexpr std::chrono::milliseconds longest_probe{1000};

/// Whether a share of the time, 0 to 1, is all of it for every purpose: a loop that computes so much is the bottleneck,
/// one held so much by tasks is held, and a thread that computes so much leaves its core nothing to do.
bool nearly_always(double share);

/// Of loops that all run, since the probe began to look at them.
struct loops_seen {
  std::uint32_t loops = 1;
  std::uint64_t tasks = 0;  ///< ended
  std::chrono::nanoseconds wall{0};
  std::chrono::nanoseconds had{0};  ///< of all loops: the time in which they had a core, or no need of one
  std::chrono::nanoseconds computed{0};
  std::chrono::nanoseconds held{0};  ///< of all loops: the time in which a task let none of the others go on

  loops_seen since(const loops_seen& earlier) const;
  double computing() const;  ///< share of what they had
  double holding() const;    ///< share of the time
};

enum class loops_judged {
  unclear,   ///< so far: look again
  apart,     ///< they do not hold each other up
  by_turns,  ///< tasks hold loops without computing: they wait for something that one of them has, a lock
  clouded,   ///< they seem apart, but others had the cores for long: look anew
};

loops_judged judge(const loops_seen& loops);

/// Of one lane a core, in the first period of blocking tasks.
struct threads_seen {
  std::uint32_t lanes = 1;
  double computing = 0;     ///< share of what they had
  double wanted_cores = 0;  ///< how many of them ran or were ready to, on average
};

enum class threads_judged {
  compute,           ///< one thread a core is right
  wait,              ///< more threads let more of them wait at once
  perhaps_by_turns,  ///< about one computes: they wait, or wait for that one
};

threads_judged judge(const threads_seen& threads);

/// Whether a task can go on elsewhere whose input and result take `encoding`, and as long again to decode on the other
/// side: for at most half of what the task takes.
bool worth_serializing(std::chrono::nanoseconds encoding, std::chrono::nanoseconds task);

}  // namespace fanout::detail
