#include "fetch/exchange/netrc.hpp"

#include <fanout/base/detail/file_text.hpp>

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>

namespace fanout::fetch {
namespace {

/// The words of a file, one after the other. A word in quotes may hold blanks.
class netrc_words {
 public:
  explicit netrc_words(std::string_view text) : rest_(text) {}

  std::size_t line() const { return line_; }

  std::optional<std::string> next() {
    while (!rest_.empty() && (is_blank(rest_.front()) || rest_.front() == '#')) {
      if (rest_.front() == '#')
        skip_line();
      else
        skip(1);
    }
    if (rest_.empty()) return std::nullopt;
    return rest_.front() == '"' ? quoted() : plain();
  }

  /// A macro ends with an empty line.
  void skip_macro() {
    do skip_line();
    while (!rest_.empty() && rest_.front() != '\n' && !rest_.starts_with("\r\n"));
  }

  [[noreturn]] void refuse(std::string_view why) const {
    throw std::invalid_argument(fmt::format("line {}: {}", line_, why));
  }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

  void skip(std::size_t count) {
    for (const char c : rest_.substr(0, count)) line_ += c == '\n';
    rest_.remove_prefix(std::min(count, rest_.size()));
  }
  void skip_line() {
    const auto end = rest_.find('\n');
    skip(end == rest_.npos ? rest_.size() : end + 1);
  }

  std::string plain() {
    std::size_t size = 0;
    while (size < rest_.size() && !is_blank(rest_[size])) ++size;
    std::string made(rest_.substr(0, size));
    skip(size);
    return made;
  }

  std::string quoted() {
    std::string made;
    std::size_t at = 1;
    for (; at < rest_.size() && rest_[at] != '"' && rest_[at] != '\n'; ++at) {
      if (rest_[at] == '\\' && at + 1 < rest_.size()) {
        const char c = rest_[++at];
        made += c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
      } else {
        made += rest_[at];
      }
    }
    if (at >= rest_.size() || rest_[at] != '"') refuse("a quote is not closed");
    skip(at + 1);
    return made;
  }

  std::string_view rest_;
  std::size_t line_ = 1;
};

std::string netrc_path() {
  if (const char* const path = std::getenv("NETRC")) return path;  // NOLINT(concurrency-mt-unsafe)
  const char* const home = std::getenv("HOME");                    // NOLINT(concurrency-mt-unsafe)
  return std::string(home ? home : "") + "/.netrc";
}

}  // namespace

std::vector<netrc_entry> parse_netrc(std::string_view text) {
  std::vector<netrc_entry> all;
  netrc_words words(text);
  const auto value_of = [&](std::string_view name) {
    auto value = words.next();
    if (!value) words.refuse(fmt::format("'{}' has no value", name));
    return *std::move(value);
  };
  while (const auto word = words.next()) {
    if (*word == "machine") {
      all.push_back({value_of(*word), {}, {}});
    } else if (*word == "default") {
      all.emplace_back();
    } else if (*word == "macdef") {
      words.skip_macro();
    } else if (all.empty()) {
      words.refuse("what comes first is neither 'machine' nor 'default'");
    } else if (*word == "login") {
      all.back().login = value_of(*word);
    } else if (*word == "password") {
      all.back().password = value_of(*word);
    } else if (*word == "account") {
      value_of(*word);
    } else {
      words.refuse("a word is none of machine, default, login, password, account and macdef");
    }
  }
  return all;
}

std::vector<netrc_entry> read_netrc(const std::string& path, bool optional) {
  const std::string name = path.empty() ? netrc_path() : path;
  const std::string_view option = path.empty() ? "--netrc" : "--netrc-file";
  const auto text = fanout::detail::file_text(name);
  if (!text && optional && errno == ENOENT) return {};
  if (!text) throw std::invalid_argument(fmt::format("{}: cannot read {}: {}", option, name, std::strerror(errno)));
  try {
    return parse_netrc(*text);
  } catch (const std::invalid_argument& refused) {
    throw std::invalid_argument(fmt::format("{}: {}: {}", option, name, refused.what()));
  }
}

const netrc_entry* find_netrc(const std::vector<netrc_entry>& all, std::string_view host) {
  const netrc_entry* other = nullptr;
  for (const netrc_entry& each : all) {
    if (each.machine.empty()) {
      if (!other) other = &each;
    } else if (boost::beast::iequals(each.machine, host)) {
      return &each;
    }
  }
  return other;
}

}  // namespace fanout::fetch
