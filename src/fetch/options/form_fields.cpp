#include "fetch/options/form_fields.hpp"

#include "fetch/options/request_data.hpp"
#include "fetch/text/text.hpp"

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace fanout::fetch {
namespace {

[[noreturn]] void refuse_field(const std::string& text, std::string_view why) {
  throw std::invalid_argument(fmt::format(
      "'{}' is not a field of a form: {}; use name=value, name=@file or name=<file, then ;type=... ;filename=...",
      printable(text), why));
}

/// Reads what stands before the next ';' that no quotes hold.
class field_reader {
 public:
  field_reader(const std::string& whole, std::string_view rest) : whole_(whole), rest_(rest) {}

  bool done() const { return rest_.empty(); }

  std::string plain_text() {
    const auto end = std::min(rest_.find(';'), rest_.size());
    std::string made(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return made;
  }

  std::string word() {
    skip_blanks();
    if (!rest_.starts_with('"')) return plain_text();
    std::string made;
    std::size_t at = 1;
    for (; at < rest_.size() && rest_[at] != '"'; ++at) {
      const bool escaped =
          rest_[at] == '\\' && at + 1 < rest_.size() && (rest_[at + 1] == '"' || rest_[at + 1] == '\\');
      made += rest_[escaped ? ++at : at];
    }
    if (at >= rest_.size()) refuse_field(whole_, "a quote is not closed");
    rest_.remove_prefix(at + 1);
    skip_blanks();
    if (!rest_.empty() && rest_.front() != ';') refuse_field(whole_, "something follows the closing quote");
    return made;
  }

  /// "name" of ";name=", behind which `word` goes on; empty when there is no parameter.
  std::string parameter() {
    rest_.remove_prefix(1);
    skip_blanks();
    const auto equals = rest_.find('=');
    if (equals == rest_.npos) return {};
    const std::string name(rest_.substr(0, equals));
    rest_.remove_prefix(equals + 1);
    return name;
  }

 private:
  void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }

  const std::string& whole_;
  std::string_view rest_;
};

void take_file(const std::string& path, form_field& into) {
  if (path == "-") {
    into.value = file_contents({}, path);
    into.file_name.assign(1, '-');  // = "-" is warned of by GCC 12 at -O3, which then believes in lengths of 2^63
    into.content_type = "application/octet-stream";
    return;
  }
  struct stat status{};
  if (access(path.c_str(), R_OK) != 0 || stat(path.c_str(), &status) != 0)
    throw std::invalid_argument(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  if (!S_ISREG(status.st_mode)) throw std::invalid_argument(fmt::format("{} is not a regular file", path));
  into.file = path;
}

}  // namespace

form_field parse_form_field(const std::string& text, bool literal) {
  const auto equals = text.find('=');
  if (equals == text.npos || equals == 0) refuse_field(text, "there is no name and '=' at its front");
  form_field made;
  made.name = text.substr(0, equals);
  if (literal) {
    made.value = text.substr(equals + 1);
    return made;
  }
  std::string_view rest = std::string_view(text).substr(equals + 1);
  const char mark = rest.starts_with('@') || rest.starts_with('<') ? rest.front() : '=';
  if (mark != '=') rest.remove_prefix(1);
  if (mark == '=' && rest.starts_with('(')) refuse_field(text, "parts within parts are not supported");
  field_reader reader(text, rest);
  // Blanks at the front of a plain value belong to it.
  const bool plain = mark == '=' && !rest.starts_with('"');
  const std::string value = plain ? reader.plain_text() : reader.word();
  std::string type, file_name;
  while (!reader.done()) {
    const std::string name = reader.parameter();
    if (boost::beast::iequals(name, "type"))
      type = reader.word();
    else if (boost::beast::iequals(name, "filename"))
      file_name = reader.word();
    else
      refuse_field(text, "only ;type= and ;filename= may follow the value");
  }
  if (mark == '@')
    take_file(value, made);
  else
    made.value = mark == '<' ? file_contents({}, value) : value;
  if (!type.empty()) made.content_type = type;
  if (!file_name.empty()) made.file_name = file_name;
  if (std::any_of(made.content_type.begin(), made.content_type.end(), is_control))
    refuse_field(text, "its type contains a control character");
  return made;
}

}  // namespace fanout::fetch
