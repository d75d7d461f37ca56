#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/input_identity.hpp>

#include "fetch/hash/crc32c.hpp"
#include "fetch/sources/sitemap_list.hpp"
#include "fetch/sources/sqlite_list.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace fanout::fetch {
namespace {

std::string identity_of_list(const std::string& path) {
  if (const auto table = sqlite_place_of(path)) return identity_of_table(*table);
  if (path.starts_with("http://") || path.starts_with("https://")) return path;  // a sitemap, kept as it was
  const fanout::detail::owned_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::vector<char> room(1U << 20);
  std::uint32_t sum = 0;
  std::uint64_t size = 0;
  for (;;) {
    const ssize_t got = file ? ::read(file.value(), room.data(), room.size()) : -1;
    if (got < 0 && file && errno == EINTR) continue;
    if (got < 0)
      throw std::runtime_error(fmt::format("cannot read the list of URLs from {}: {}", path, std::strerror(errno)));
    if (got == 0) return fmt::format("{} bytes (CRC-32C {:08x})", size, sum);
    sum = crc32c({room.data(), static_cast<std::size_t>(got)}, sum);
    size += static_cast<std::uint64_t>(got);
  }
}

std::string sum_of(std::string_view text) {
  return fmt::format("{} bytes (CRC-32C {:08x})", text.size(), crc32c(text));
}

}  // namespace

job_identity identity_of_inputs(std::span<const std::string> urls, std::span<const std::string> lists) {
  job_identity made;
  if (!urls.empty()) {
    std::uint32_t sum = 0;
    for (const std::string& each : urls) sum = crc32c(each + "\n", sum);
    made.emplace_back("URLs", fmt::format("{} (CRC-32C {:08x})", urls.size(), sum));
  }
  for (std::size_t i = 0; i < lists.size(); ++i)
    made.emplace_back(lists.size() == 1 ? "the list" : fmt::format("list {}", i + 1), identity_of_list(lists[i]));
  return made;
}

job_identity identity_of_options(const settings& how, const common_request& common) {
  job_identity made;
  const auto add = [&made](const char* name, std::string value) {
    if (!value.empty()) made.emplace_back(name, std::move(value));
  };
  add("the method", common.method);
  std::string headers;
  for (const auto& [name, value] : common.headers) headers.append(name).append(": ").append(value).append("\n");
  for (const auto& name : common.without) headers += name + ":\n";
  if (!headers.empty()) add("headers", sum_of(headers));
  if (!common.body.empty()) add("the body to send", sum_of(common.body));
  if (!how.body_file.empty()) add("the file to send", how.body_file);
  if (!common.query.empty()) add("the query", common.query);
  if (!how.authorization.empty() || !how.digest.empty()) add("the user", sum_of(how.authorization + how.digest));
  std::string fields;
  if (how.keep_headers) fields += ", headers";
  if (how.keep_body) fields += ", bodies";
  if (how.keep_timings) fields += ", timings";
  if (how.digest_bodies) fields += ", digests";
  if (!fields.empty()) add("what records hold", fields.substr(2));
  add("--max-redirs", std::to_string(how.max_redirects));
  add("the largest body", fmt::format("{} bytes", how.max_body_bytes));
  if (!how.decode_content) add("content coding", "kept");
  if (how.verify_digests) add("--verify", "given");
  std::string rules;
  for (const std::string& each : how.opt_outs) rules += (rules.empty() ? "" : ",") + each;
  add("--heed-x-robots-tag", rules);
  return made;
}

bool can_be_kept(const std::string& list) {
  return needs_store(list);
}

bool can_be_read_again(const std::string& list) {
  struct stat is{};
  if (list == "-" || sqlite_place_of(list)) return list != "-";
  if (::stat(list.c_str(), &is) != 0 || !S_ISREG(is.st_mode)) return false;
  return !names_sitemap(list) || !is_sitemap_index(list);
}

}  // namespace fanout::fetch
