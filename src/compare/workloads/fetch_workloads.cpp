#include <fanout/compare/workloads.hpp>
#include <fanout/core/run.hpp>
#include <fanout/fetch/exchange.hpp>
#include <fanout/fetch/request_source.hpp>
#include <fanout/process/remote.hpp>

#include "compare/workloads/alone.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string_view>

namespace fanout::workloads {
namespace {

fetch::settings settings_within(std::chrono::milliseconds timeout) {
  fetch::settings how;
  how.timeout_ms = timeout.count();
  how.connect_timeout_ms = std::min(how.connect_timeout_ms, how.timeout_ms);
  return how;
}

/// The digest of a fetch: a page may change between two of them, so the status is all that must be equal. Throws for
/// one that failed.
std::uint64_t accept_status(const fetch::record& got) {
  if (got.error) throw error(*got.error, got.message);
  return static_cast<std::uint64_t>(got.status);
}

constexpr std::uint32_t tried_at_once = 64;

std::string name_of(const std::string& list) {
  return list == "-" ? "standard input" : list;
}

std::vector<fetch::request> read_list(const std::string& list, std::uint64_t at_most) {
  fetch::request_source source({}, list);
  source.set_defaults("", {}, "");
  std::vector<fetch::request> all;
  while (all.size() < at_most) {
    auto next = source.next();
    if (!next) break;
    all.push_back(*std::move(next));
  }
  if (all.empty()) throw std::runtime_error(fmt::format("{} has no URL", name_of(list)));
  return all;
}

/// Host and port, for counting them.
std::string_view authority_of(std::string_view url) {
  if (const auto scheme = url.find("://"); scheme != url.npos) url.remove_prefix(scheme + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

/// Those that answer, in their order.
struct tried {
  std::vector<fetch::request> good;
  std::set<std::string> hosts;
  std::string problem;  ///< of one that did not
};

tried try_all(const std::vector<fetch::request>& all, const fetch::settings& how, const fanout::interrupt* stop) {
  options with(async(tried_at_once));
  with.on_error = on_error::collect;
  with.interrupt = stop;
  std::vector<char> answered(all.size());
  tried found;
  const report cost = fanout::run(with, remote<fetch::exchange>.with(how), all, [&](const outcome<fetch::record>& got) {
    try {
      if (!got.ok()) throw error(got.error());
      accept_status(got.value());
      answered[got.index] = 1;
    } catch (const std::exception& failed) {
      found.problem = failed.what();
    }
  });
  detail::throw_if_stopped(cost);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!answered[i]) continue;
    found.good.push_back(all[i]);
    found.hosts.emplace(authority_of(all[i].url));
  }
  return found;
}

}  // namespace

workload io(const std::string& url, std::uint64_t tasks, std::chrono::milliseconds timeout) {
  fetch::request what;
  what.url = url;
  return make_workload("io", fmt::format("{} {} of {}", tasks, tasks == 1 ? "fetch" : "fetches", url),
                       remote<fetch::exchange>.with(settings_within(timeout)), std::vector<fetch::request>(tasks, what),
                       accept_status);
}

workload urls(const std::string& list, std::uint64_t at_most, std::chrono::milliseconds timeout,
              const fanout::interrupt* stop) {
  const auto how = settings_within(timeout);
  const auto all = read_list(list, at_most);
  tried found = try_all(all, how, stop);
  if (found.good.empty())
    throw std::runtime_error(fmt::format(
        "nothing of {} could be fetched; {}: {}", name_of(list),
        all.size() == 1 ? "the failure" : fmt::format("the last of {} failures", all.size()), found.problem));
  const std::size_t count = found.good.size();
  std::string description = fmt::format("{} {} of {} {} ({})", count, count == 1 ? "fetch" : "fetches",
                                        found.hosts.size(), found.hosts.size() == 1 ? "host" : "hosts", name_of(list));
  if (count < all.size())
    description += fmt::format("; {} more failed when tried and {} left out", all.size() - count,
                               all.size() - count == 1 ? "is" : "are");
  workload made =
      make_workload("urls", std::move(description), remote<fetch::exchange>.with(how), found.good, accept_status);
  made.requests = std::move(found.good);
  return made;
}

}  // namespace fanout::workloads
