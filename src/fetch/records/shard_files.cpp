#include <fanout/base/detail/file_text.hpp>
#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/output.hpp>
#include <fanout/fetch/record_format.hpp>
#include <fanout/fetch/shard_files.hpp>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace fanout::fetch {
namespace {

std::string manifest_name(const std::string& path) {
  return path + ".shards";
}

std::string manifest_text(const shard_manifest& of) {
  boost::json::object identity;
  for (const auto& [name, value] : of.identity) identity[name] = value;
  return boost::json::serialize(boost::json::object{{"shards", of.shards}, {"job", std::move(identity)}}) + "\n";
}

[[noreturn]] void cannot_write(const std::string& name) {
  throw output_error(fmt::format("cannot write {}: {}", name, std::strerror(errno)));
}

/// Gives a file a second name, if nothing has it. Returns 0 or the errno.
int link_first(const std::string& from, const std::string& name) {
  if (::link(from.c_str(), name.c_str()) == 0) return 0;
  // Some mounts have no hard links.
  const bool none = errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS;
  if (none && ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, name.c_str(), RENAME_NOREPLACE) == 0) return 0;
  return errno;
}

}  // namespace

std::string shard_path(std::string_view path, std::uint32_t index) {
  const auto name = split_record_name(path);
  return fmt::format("{}.shard-{}{}", name.stem, index, name.extension);
}

std::optional<shard_manifest> read_shard_manifest(const std::string& path) {
  const std::string name = manifest_name(path);
  const auto text = fanout::detail::file_text(name);
  if (!text) {
    if (errno == ENOENT) return std::nullopt;
    throw journal_error(fmt::format("cannot read {}: {}", name, std::strerror(errno)));
  }
  boost::system::error_code failed;
  const boost::json::value value = boost::json::parse(*text, failed);
  const auto* const object = failed ? nullptr : value.if_object();
  const auto* const shards = object ? object->if_contains("shards") : nullptr;
  const auto* const job = object ? object->if_contains("job") : nullptr;
  const std::int64_t* const count = shards ? shards->if_int64() : nullptr;
  if (!count || *count < 1 || *count > UINT32_MAX || !job || !job->is_object())
    throw journal_error(fmt::format("{} does not say which shards there are", name));
  shard_manifest made{static_cast<std::uint32_t>(*count), {}};
  for (const auto& [key, text_value] : job->get_object())
    if (const auto* const is = text_value.if_string()) made.identity.emplace_back(key, std::string(*is));
  return made;
}

void take_part(const std::string& path, const shard_manifest& mine) {
  const std::string name = manifest_name(path);
  std::optional<shard_manifest> there = read_shard_manifest(path);
  if (!there) {
    // Of this process alone, on all machines that see the directory.
    const std::string made =
        fmt::format("{}.{}-{}", name, ::getpid(), std::chrono::system_clock::now().time_since_epoch().count());
    {
      const fanout::detail::owned_descriptor file(::open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
      if (!file) cannot_write(made);
      if (const int failed = write_all(file.value(), manifest_text(mine))) {
        ::unlink(made.c_str());
        errno = failed;
        cannot_write(made);
      }
      ::fsync(file.value());
    }
    const int failed = link_first(made, name);
    ::unlink(made.c_str());
    if (failed == 0) return;
    errno = failed;
    if (failed != EEXIST) cannot_write(name);
    there = read_shard_manifest(path);
    if (!there) throw journal_error(fmt::format("{} was there, and is gone", name));
  }
  std::string differs;
  if (there->shards != mine.shards)
    differs = fmt::format("the job has {} shards, and this is one of {}", there->shards, mine.shards);
  else
    differs = difference(there->identity, mine.identity);
  if (!differs.empty())
    throw journal_error(fmt::format(
        "this is no shard of the job in {}: {}. Give what its other shards were given, or remove the files of all of "
        "them",
        name, differs));
}

}  // namespace fanout::fetch
