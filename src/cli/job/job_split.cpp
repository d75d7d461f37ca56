#include "cli/job/job_split.hpp"

#include <fanout/fetch/shard.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <istream>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

namespace fanout::cli {
namespace {

constexpr std::string_view place = "{index}";
constexpr std::size_t most_held = 64U << 20;

std::string name_of(const std::string& pattern, std::uint32_t shard) {
  std::string name = pattern;
  const std::string number = std::to_string(shard);
  for (auto at = name.find(place); at != name.npos; at = name.find(place, at + number.size()))
    name.replace(at, place.size(), number);
  return name;
}

void write_shard(const std::string& name, const std::string& text, std::ios::openmode mode) {
  errno = 0;
  std::ofstream file(name, std::ios::binary | mode);
  file << text;
  file.close();
  if (!file) throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(), name);
}

/// Lines of anything else than text would be cut apart without a word.
void require_text(std::string_view beginning) {
  using namespace std::string_view_literals;
  for (const auto& [mark, advice] :
       {std::pair{"\x1f\x8b"sv, "is packed by gzip: zcat LIST | fanout job split ... -"sv},
        {"\x28\xb5\x2f\xfd"sv, "is packed by zstd: zstdcat LIST | fanout job split ... -"sv},
        {"SQLite format 3"sv, "is a database; give lines of URLs or JSON objects"sv},
        {"<"sv, "is a sitemap or a page; give lines of URLs or JSON objects"sv}})
    if (beginning.starts_with(mark)) throw std::invalid_argument("the list " + std::string(advice));
}

}  // namespace

std::string host_of_line(std::string_view line) {
  std::string url(line);
  if (line.starts_with('{')) {
    boost::system::error_code failed;
    const boost::json::value value = boost::json::parse(url, failed);
    const auto* object = failed ? nullptr : value.if_object();
    const auto* named = object ? object->if_contains("url") : nullptr;
    if (!named || !named->is_string()) return {};
    url = std::string(named->as_string());
  }
  return std::string(fetch::host_in(url));
}

split_counts split_list(std::istream& list, const std::string& pattern, std::uint32_t shards) {
  if (pattern.find(place) == pattern.npos)
    throw std::invalid_argument("'" + pattern + "' has no {index} in it, so all shards would have one list");
  std::vector<std::string> waiting(shards);
  std::vector<std::uint64_t> lines(shards, 0);
  for (std::uint32_t shard = 0; shard < shards; ++shard) write_shard(name_of(pattern, shard), {}, std::ios::trunc);
  std::size_t held = 0;
  const auto write_all = [&] {
    for (std::uint32_t shard = 0; shard < shards; ++shard) {
      if (waiting[shard].empty()) continue;
      write_shard(name_of(pattern, shard), waiting[shard], std::ios::app);
      waiting[shard] = {};
    }
    held = 0;
  };
  split_counts counts;
  bool first = true;
  for (std::string line; std::getline(list, line);) {
    if (std::exchange(first, false)) require_text(line);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) line.pop_back();
    line.erase(0, line.find_first_not_of(" \t"));
    if (line.empty() || line.front() == '#') continue;
    const std::uint32_t shard = fetch::shard_of(host_of_line(line), shards);
    (waiting[shard] += line) += '\n';
    counts.largest = std::max(counts.largest, ++lines[shard]);
    ++counts.lines;
    held += line.size() + 1;
    if (held > most_held) write_all();
  }
  write_all();
  return counts;
}

}  // namespace fanout::cli
