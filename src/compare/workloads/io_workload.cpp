#include <fanout/compare/workloads.hpp>
#include <fanout/fetch/exchange.hpp>
#include <fanout/process/remote.hpp>

#include "compare/workloads/fetching.hpp"

#include <fmt/format.h>

namespace fanout::workloads {

workload io(const std::string& url, std::uint64_t tasks, std::chrono::milliseconds timeout) {
  fetch::request what;
  what.url = url;
  return make_workload("io", fmt::format("{} {} of {}", tasks, tasks == 1 ? "fetch" : "fetches", url),
                       remote<fetch::exchange>.with(detail::settings_within(timeout)),
                       std::vector<fetch::request>(tasks, what), detail::accept_status);
}

}  // namespace fanout::workloads
