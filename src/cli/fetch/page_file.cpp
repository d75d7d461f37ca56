#include "cli/fetch/page_file.hpp"

#include <fanout/fetch/output.hpp>
#include <fanout/fetch/remote_name.hpp>

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace fanout::cli {
namespace {

/// Not of a terminal, or of /dev/null; nor of a directory, whose files have names of their own.
bool can_be_kept(const std::string& path) {
  if (path == "-" || path.ends_with('/')) return false;
  std::error_code none;
  const auto kind = std::filesystem::status(path, none).type();
  return kind == std::filesystem::file_type::not_found || kind == std::filesystem::file_type::regular;
}

}  // namespace

page_file::page_file(const fetch_options& given) {
  if (!given.remote_name && given.destination.empty()) return;
  directory_ = given.output_directory;
  if (!directory_.empty() && !directory_.ends_with('/')) directory_ += '/';
  if (given.remote_name) {
    if (!given.destination.empty()) throw usage_error("-o and -O each name the file; use one of them");
    name_ = fetch::name_from_url(given.urls.front());
    if (name_.empty() && !given.remote_header_name)
      throw usage_error(fmt::format("-O: {} ends with no name for a file; use -o FILE", given.urls.front()));
    named_by_server_ = named_late_ = given.remote_header_name;
    if (named_by_server_ && name_.empty()) name_ = "download";
    path_ = directory_ + name_;
  } else {
    path_ = given.destination.starts_with('/') ? given.destination : directory_ + given.destination;
  }
  if (given.no_clobber && can_be_kept(path_)) {
    named_late_ = true;
    name_ = std::filesystem::path(path_).filename().string();
    directory_ = path_.substr(0, path_.size() - name_.size());
  }
  // Until then, it has a name that no file of the user's has.
  if (named_late_) path_ = fmt::format("{}fanout-download-{}", directory_, getpid());
  const std::filesystem::path parent = std::filesystem::path(path_).parent_path();
  std::error_code failed;
  if (given.create_directories && !parent.empty()) std::filesystem::create_directories(parent, failed);
  if (failed)
    throw fetch::output_error(fmt::format("cannot make the directory {}: {}", parent.string(), failed.message()));
}

void page_file::look_at(const fetch::record& result) {
  written_ = result.file;
  if (!named_by_server_) return;
  for (const auto& [name, value] : result.headers) {
    if (!boost::beast::iequals(name, "content-disposition")) continue;
    if (std::string given = fetch::name_from_disposition(value); !given.empty()) name_ = std::move(given);
  }
}

std::string page_file::rename() const {
  if (!named_late_ || access(path_.c_str(), F_OK) != 0) return {};
  if (const auto path = fetch::rename_to_free_name(path_, directory_, name_))
    return !named_by_server_ && *path == directory_ + name_ ? std::string() : *path;
  throw fetch::output_error(
      fmt::format("cannot rename {} to {}{}: {}", path_, directory_, name_, std::strerror(errno)));
}

void page_file::remove() const {
  if (written_.empty()) return;
  unlink(written_.c_str());
  unlink((written_ + ".json").c_str());  // what --continue would go on with
}

}  // namespace fanout::cli
