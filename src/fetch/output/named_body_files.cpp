#include <fanout/fetch/detail/part_file.hpp>
#include <fanout/fetch/named_body_files.hpp>
#include <fanout/fetch/output.hpp>
#include <fanout/fetch/remote_name.hpp>

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string_view>
#include <utility>

namespace fanout::fetch {
namespace {

/// Names of files of bodies that are coming.
bool is_reserved(std::string_view name) {
  const auto digits = std::min(name.find_first_not_of("0123456789"), name.size());
  return digits >= body_directory::name_of(0).size() && (digits == name.size() || name.substr(digits) == ".part");
}

bool body_is_whole(const record& result) {
  return !result.error || *result.error == failure_kind::status;
}

std::string_view value_of(const record& result, std::string_view name) {
  for (const auto& [each, value] : result.headers)
    if (boost::beast::iequals(each, name)) return value;
  return {};
}

}  // namespace

named_body_files::named_body_files(const std::string& path, naming how)
    : files_(path, existing_file::replaced),
      how_(std::move(how)),
      template_(how_.pattern.empty() ? std::nullopt : std::optional<name_template>(how_.pattern)) {}

named_body_files::~named_body_files() = default;

std::string named_body_files::wanted_name(const finished& each) const {
  std::string name = own_name(each);
  if (template_)
    name = template_->name_of({.index = each.index,
                               .url = each.asked.url,
                               .name = name,
                               .content_type = value_of(each.result, "content-type"),
                               .sha256 = each.result.sha256});
  if (!how_.records.empty() && name.starts_with(how_.records)) name.insert(0, 1, '_');
  return name;
}

std::string named_body_files::own_name(const finished& each) const {
  std::string name;
  if (how_.by_server) name = name_from_disposition(value_of(each.result, "content-disposition"));
  if (name.empty()) name = name_from_url(each.asked.url);
  return name;
}

bool named_body_files::has_content(const std::string& name) const {
  if (!template_ || !template_->is_content()) return false;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.contains(name)) return true;
  }
  struct stat there{};
  return ::lstat((files_.path() + "/" + name).c_str(), &there) == 0 && S_ISREG(there.st_mode);
}

void named_body_files::make_folders(const std::string& name) {
  constexpr std::size_t most_known = 10'000;
  for (auto slash = name.find('/'); slash != name.npos; slash = name.find('/', slash + 1)) {
    std::string folder = name.substr(0, slash);
    if (folders_.contains(folder)) continue;
    const std::string path = files_.path() + "/" + folder;
    if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST)
      throw output_error(fmt::format("cannot make the directory {}: {}", path, std::strerror(errno)));
    if (folders_.size() >= most_known) folders_.clear();
    folders_.insert(std::move(folder));
  }
}

bool named_body_files::is_taken(const std::string& name) const {
  if (is_reserved(name)) return true;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.contains(name)) return true;
  }
  if (how_.replaces) return given_.contains(std::hash<std::string>()(name));
  struct stat there{};
  return ::lstat((files_.path() + "/" + name).c_str(), &there) == 0;
}

std::string named_body_files::free_name(std::uint64_t index, const std::string& wanted) {
  if (wanted.empty()) return body_directory::name_of(index);
  std::string name = wanted;
  for (int number = 0; is_taken(name); ++number) {
    if (number > 1000) throw output_error(fmt::format("{}/{}: no name like it is free", files_.path(), wanted));
    name = fmt::format("{}.{}", wanted, index);
    if (number > 0) name += fmt::format(".{}", number);
  }
  renamed_ += name != wanted;
  if (how_.replaces) given_.insert(std::hash<std::string>()(name));
  return name;
}

/// Another process may have made one of that name meanwhile.
void named_body_files::move(const std::string& from, const std::string& name) const {
  const std::string to = files_.path() + "/" + name;
  const unsigned flags = how_.replaces ? 0 : RENAME_NOREPLACE;
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0) return;
  // A file system without that flag.
  if (errno == EINVAL && flags != 0 && ::link(from.c_str(), to.c_str()) == 0 && ::unlink(from.c_str()) == 0) return;
  throw output_error(fmt::format("cannot rename {} to {}: {}", from, to, std::strerror(errno)));
}

void named_body_files::store_later(finished& each, const std::string& name, writer& to) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.insert(name);
  }
  const auto body =
      std::make_shared<const std::string>(each.last_with_body ? std::move(*each.result.body) : *each.result.body);
  to.add(body->size(), [this, name, body] {
    const existing_file existing = how_.replaces ? existing_file::replaced : existing_file::refused;
    auto file = detail::part_file::open(files_.path() + "/" + name, {.existing = existing, .follow_link = false});
    if (const int failed = write_all(file.descriptor(), *body)) file.fail(failed);
    file.finish();
    const std::lock_guard lock(mutex_);
    waiting_.erase(name);
  });
}

void named_body_files::take(finished& each, writer& to) {
  each.file = each.result.file;
  if (each.result.status == 0 || !body_is_whole(each.result)) return;
  if (each.result.body) {
    const std::string wanted = wanted_name(each);
    if (has_content(wanted)) {
      each.file = wanted;
      return;
    }
    each.file = free_name(each.index, wanted);
    make_folders(each.file);
    store_later(each, each.file, to);
  } else if (each.file == body_directory::name_of(each.index)) {
    const std::string wanted = wanted_name(each);
    if (has_content(wanted)) {
      ::unlink((files_.path() + "/" + each.result.file.str()).c_str());
      each.file = wanted;
      return;
    }
    each.file = free_name(each.index, wanted);
    make_folders(each.file);
    if (each.file != each.result.file) move(files_.path() + "/" + each.result.file.str(), each.file);
  }
}

}  // namespace fanout::fetch
