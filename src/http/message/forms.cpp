#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>
#include <fanout/http/forms.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>

namespace fanout::http {
namespace {

constexpr std::size_t form_piece = 64 * 1024;

bool is_plain(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

void append_encoded(std::string& out, std::string_view text, std::string_view also_plain, std::string_view space) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_plain(c) || also_plain.find(c) != also_plain.npos)
      out += c;
    else if (c == ' ')
      out += space;
    else
      out.append("%").append({digits[byte >> 4], digits[byte & 15]});
  }
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  append_encoded(out, text, "~", "%20");
  return out;
}

std::string encoded(const form_fields& fields, std::string_view also_plain, std::string_view space) {
  std::string out;
  for (const auto& [name, value] : fields) {
    if (!out.empty()) out += '&';
    append_encoded(out, name, also_plain, space);
    out += '=';
    append_encoded(out, value, also_plain, space);
  }
  return out;
}

void set_body(request& what, std::string body, std::string_view type) {
  what.body = std::move(body);
  what.body_from = {};
  what.headers.set("Content-Type", type);
  if (what.method == "GET") what.method = "POST";
}

// In a quoted parameter, as browsers write it (WHATWG HTML, section 4.10.21.8).
std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\r' || c == '\n')
      out += c == '"' ? "%22" : c == '\r' ? "%0D" : "%0A";
    else
      out += c;
  }
  return out + '"';
}

[[noreturn]] void refuse_form_file(const std::string& path, const std::string& why) {
  throw error(failure_kind::invalid_request, fmt::format("the form's file '{}' cannot be read: {}", path, why));
}

std::uint64_t size_of(const std::string& path) {
  struct stat state{};
  if (::stat(path.c_str(), &state) != 0) refuse_form_file(path, std::strerror(errno));
  if (!S_ISREG(state.st_mode)) refuse_form_file(path, "it is not a regular file");
  return static_cast<std::uint64_t>(state.st_size);
}

// A multipart body in the order it is sent: texts, and files between them.
struct section {
  std::string text;
  std::string file;
  std::uint64_t size = 0;
};

class file_reader {
 public:
  explicit file_reader(const std::string& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) refuse_form_file(path, std::strerror(errno));
  }
  file_reader(const file_reader&) = delete;
  file_reader& operator=(const file_reader&) = delete;
  ~file_reader() { ::close(descriptor_); }

  std::string read(std::size_t most, const std::string& path) {
    std::string piece(most, '\0');
    const auto count = ::read(descriptor_, piece.data(), piece.size());
    if (count < 0) refuse_form_file(path, std::strerror(errno));
    if (count == 0) refuse_form_file(path, "it became shorter while it was sent");
    piece.resize(static_cast<std::size_t>(count));
    return piece;
  }

 private:
  int descriptor_;
};

struct reading {
  std::shared_ptr<const std::vector<section>> sections;
  std::size_t next = 0;
  std::uint64_t left = 0;  ///< of the file
  std::unique_ptr<file_reader> file;
};

task<std::string> next_piece(std::shared_ptr<reading> at) {
  while (at->left == 0) {
    at->file.reset();
    if (at->next == at->sections->size()) co_return std::string{};
    const section& each = (*at->sections)[at->next++];
    if (each.file.empty()) co_return each.text;
    at->file = std::make_unique<file_reader>(each.file);
    at->left = each.size;
  }
  const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(at->left, form_piece));
  std::string piece = at->file->read(most, (*at->sections)[at->next - 1].file);
  at->left -= piece.size();
  co_return piece;
}

std::string part_header(const form_part& part, const std::string& boundary) {
  const bool is_file = !part.file.empty();
  std::string text = fmt::format("--{}\r\nContent-Disposition: form-data; name={}", boundary, in_quotes(part.name));
  const std::string file_name =
      part.file_name.empty() ? std::filesystem::path(part.file).filename().string() : part.file_name;
  if (!file_name.empty()) text += "; filename=" + in_quotes(file_name);
  for (const char c : part.content_type)
    if (is_control(c))
      throw error(
          failure_kind::invalid_request,
          fmt::format("the form's content type '{}' contains a control character", printable(part.content_type)));
  const std::string& type = part.content_type.empty() && is_file ? "application/octet-stream" : part.content_type;
  if (!type.empty()) text += "\r\nContent-Type: " + type;
  return text + "\r\n\r\n";
}

}  // namespace

std::string form_encoded(const form_fields& fields) {
  return encoded(fields, "*", "+");
}

url with_query(const url& page, const form_fields& parameters) {
  if (parameters.empty()) return page;
  const std::size_t mark = page.target().find('?');
  const std::string_view before = mark == std::string_view::npos ? "" : page.target().substr(mark + 1);
  const std::string query = fmt::format("?{}{}{}", before, before.empty() ? "" : "&", encoded(parameters, "~", "%20"));
  // As a link on the page it would lose who asks.
  const std::string_view user = page.userinfo();
  if (user.empty()) return page.resolve(query);
  const std::size_t colon = user.find(':');
  return url(fmt::format("{}://{}:{}@{}{}{}", page.scheme(), percent_encoded(user.substr(0, colon)),
                         percent_encoded(user.substr(colon + 1)), page.authority(), page.target().substr(0, mark),
                         query));
}

void set_form(request& what, const form_fields& fields) {
  set_body(what, form_encoded(fields), "application/x-www-form-urlencoded");
}

void set_json_text(request& what, std::string text) {
  set_body(what, std::move(text), "application/json");
}

void set_multipart(request& what, std::vector<form_part> parts) {
  // Nobody who fills in the form can know it, so nothing in a value can end its part.
  std::random_device random;
  const std::string boundary = fmt::format("fanout-{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
  auto sections = std::make_shared<std::vector<section>>();
  std::string text;
  for (const auto& part : parts) {
    text += part_header(part, boundary);
    if (part.file.empty()) {
      text += part.value;
    } else {
      sections->push_back({std::exchange(text, {}), {}, 0});
      sections->push_back({{}, part.file, size_of(part.file)});
    }
    text += "\r\n";
  }
  sections->push_back({text + "--" + boundary + "--\r\n", {}, 0});
  std::uint64_t length = 0;
  for (const auto& each : *sections) length += each.file.empty() ? each.text.size() : each.size;
  set_body(what, {}, "multipart/form-data; boundary=" + boundary);
  what.body_from = body_source::generated(
      [sections = std::shared_ptr<const std::vector<section>>(sections)]() -> body_pieces {
        auto at = std::make_shared<reading>();
        at->sections = sections;
        return [at] { return next_piece(at); };
      },
      length);
}

}  // namespace fanout::http
