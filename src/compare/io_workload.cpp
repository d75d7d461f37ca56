#include <fanout/compare/workloads.hpp>
#include <fanout/fetch/exchange.hpp>
#include <fanout/process/remote.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace fanout::workloads {
namespace {

/// A page may change between two fetches, so the status is all that must be equal.
std::uint64_t accept(const fetch::record& got) {
  if (got.error) throw error(*got.error, got.message);
  return static_cast<std::uint64_t>(got.status);
}

}  // namespace

workload io(const std::string& url, std::uint64_t tasks, std::chrono::milliseconds timeout) {
  fetch::settings how;
  how.timeout_ms = timeout.count();
  how.connect_timeout_ms = std::min(how.connect_timeout_ms, how.timeout_ms);
  fetch::request what;
  what.url = url;
  return make_workload("io", fmt::format("{} {} of {}", tasks, tasks == 1 ? "fetch" : "fetches", url),
                       remote<fetch::exchange>.with(how), std::vector<fetch::request>(tasks, what), accept);
}

}  // namespace fanout::workloads
