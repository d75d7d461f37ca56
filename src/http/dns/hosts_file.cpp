#include "http/dns/hosts_file.hpp"

#include <fanout/http/detail/text.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace fanout::http {
namespace {

std::string canonical(std::string name) {
  if (name.ends_with('.')) name.pop_back();
  std::transform(name.begin(), name.end(), name.begin(), lower);
  return name;
}

}  // namespace

const address_list* hosts_file::find(const std::string& host, time now) {
  if (looked_ == time::min() || now - looked_ >= std::chrono::seconds(1)) refresh(now);
  if (names_.empty()) return nullptr;
  const auto found = names_.find(canonical(host));
  return found == names_.end() ? nullptr : &found->second;
}

void hosts_file::refresh(time now) {
  looked_ = now;
  struct stat state{};
  if (::stat(path_.c_str(), &state) != 0) {
    names_.clear();
    size_ = -1;
    return;
  }
  if (state.st_size == size_ && state.st_mtim.tv_sec == changed_.tv_sec && state.st_mtim.tv_nsec == changed_.tv_nsec)
    return;
  size_ = state.st_size;
  changed_ = state.st_mtim;
  names_.clear();
  std::ifstream file(path_);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string word;
    if (!(words >> word)) continue;
    boost::system::error_code malformed;
    const auto address = boost::asio::ip::make_address(word, malformed);
    if (malformed) continue;
    while (words >> word) {
      auto& known = names_[canonical(word)];
      if (std::find(known.begin(), known.end(), address) == known.end()) known.push_back(address);
    }
  }
}

}  // namespace fanout::http
