#include <fanout/fetch/cookies.hpp>
#include <fanout/http/cookies.hpp>

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <stdexcept>

namespace fanout::fetch {

std::shared_ptr<http::cookie_jar> cookie_jar_of(const settings& how, http::skipped_lines* skipped) {
  if (!how.use_cookies) return nullptr;
  static std::mutex lock;
  static std::map<std::string, std::shared_ptr<http::cookie_jar>> jars;
  const std::lock_guard guard(lock);
  auto& jar = jars[how.cookie_file];
  if (!jar) {
    auto made = std::make_shared<http::cookie_jar>();
    if (!how.cookie_file.empty()) made->load(how.cookie_file, skipped);
    jar = std::move(made);
  }
  return jar;
}

void check_cookie_file(const std::string& file) {
  struct stat status{};
  const bool there = stat(file.c_str(), &status) == 0;
  const bool in_place = there && !S_ISREG(status.st_mode);
  const std::size_t slash = file.rfind('/');
  const std::string directory = slash == file.npos ? "." : file.substr(0, slash + 1);
  int why = there && S_ISDIR(status.st_mode) ? EISDIR : 0;
  if (why == 0 && access((in_place ? file : directory).c_str(), W_OK) != 0) why = errno;
  if (why != 0) throw cookie_file_error(fmt::format("cannot write {}: {}", file, std::strerror(why)));
}

void save_cookies(const http::cookie_jar& jar, const std::string& file) {
  try {
    jar.save(file);
  } catch (const std::runtime_error& failed) {
    throw cookie_file_error(failed.what());
  }
}

}  // namespace fanout::fetch
