#include <fanout/fetch/record_sinks.hpp>
#include <fanout/fetch/warc_encoder.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

namespace fanout::fetch {
namespace {

constexpr std::uint64_t unit_size = 64 * 1024;

record_file::mark mark_of(const finished& each) {
  return {each.index, each.result.error.has_value()};
}

/// The run was stopped before it ended: the next one sends it again.
bool was_cancelled(const finished& each) {
  return each.result.error == failure_kind::cancelled;
}

/// The last head of several; each ends with an empty line.
std::string_view last_head(std::string_view heads) {
  const auto before = heads.size() < 4 ? heads.npos : heads.rfind("\r\n\r\n", heads.size() - 5);
  return before == heads.npos ? heads : heads.substr(before + 4);
}

std::string without_port(std::string_view address) {
  const auto end = std::min(address.rfind(':'), address.size());
  address = address.substr(0, end);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  return std::string(address);
}

/// What an archive keeps of an exchange, until the writer's thread turns it into records.
struct kept_exchange {
  record_file::mark mark;
  std::string asked_url;
  std::string url;
  std::string id;
  std::string method;
  std::string request_body;
  std::string request_head;
  std::string head;
  std::string address;
  std::string error;
  std::string body;
  std::int64_t elapsed_ns = 0;
  std::int32_t status = 0;
  bool has_response = false;
  bool http_2 = false;
  std::chrono::system_clock::time_point date = std::chrono::system_clock::now();
};

struct parsed_head {
  std::string status_line;
  warc_fields headers;
  bool coded = false;
};

/// Of the form that `exchange_watch` gives heads.
parsed_head parse_head(std::string_view head) {
  parsed_head made;
  bool first = true;
  while (!head.empty()) {
    const auto end = std::min(head.find("\r\n"), head.size());
    const auto line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    if (std::exchange(first, false)) {
      // Readers of archives know the versions that have such lines.
      const auto space = std::min(line.find(' '), line.size());
      made.status_line = line.starts_with("HTTP/2") ? "HTTP/1.1" + std::string(line.substr(space)) : std::string(line);
      continue;
    }
    const auto colon = line.find(": ");
    if (colon == line.npos) continue;
    made.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    const auto& name = made.headers.back().first;
    constexpr std::string_view coding = "content-encoding";
    made.coded = made.coded || std::equal(name.begin(), name.end(), coding.begin(), coding.end(),
                                          [](char l, char r) { return (l | 0x20) == r || l == r; });
  }
  return made;
}

}  // namespace

void record_lines::take(finished& each, writer& to) {
  if (was_cancelled(each)) return;
  const auto write = [&each, this](std::string& text) {
    append_json(text, each.index, each.asked, each.result, each.file, with_);
  };
  if (each.file.empty()) {
    if (file_.add(mark_of(each), write)) to.add(unit_size, [this] { file_.flush(); });
    return;
  }
  // The writer may have the body still, and the record says that it is there.
  std::string line;
  write(line);
  const std::uint64_t size = line.size();
  to.add(size, [this, mark = mark_of(each), line = std::move(line)] {
    if (file_.add(mark, [&line](std::string& text) { text += line; })) file_.flush();
  });
}

class warc_output::encoding {
 public:
  explicit encoding(bool gzip) : encoder_({.gzip = gzip}) {}

  void append(std::string& into, const kept_exchange& of) {
    warc_fields fields{{"fanoutIndex", std::to_string(of.mark.index)},
                       {"fetchTimeMs", std::to_string(of.elapsed_ns / 1'000'000)}};
    if (of.url != of.asked_url) fields.emplace_back("fanoutUrl", of.asked_url);
    if (!of.id.empty()) fields.emplace_back("fanoutId", of.id);
    if (of.mark.failed) fields.emplace_back("fanoutError", of.error);
    if (!of.has_response) return encoder_.append_metadata(into, of.url, fields, of.date);
    const parsed_head head = parse_head(of.head);
    const bool bodiless = of.method == "HEAD" || of.status == 204 || of.status == 304;
    warc_exchange exchange{.url = of.url, .date = of.date};
    exchange.address = of.address;
    if (of.http_2) exchange.protocol = "h2";
    exchange.request_head = of.request_head;
    exchange.request_body = of.request_body;
    exchange.status_line = head.status_line;
    exchange.headers = &head.headers;
    exchange.payload = of.body;
    exchange.has_payload = !bodiless;
    exchange.content_decoded = head.coded && !bodiless;
    exchange.metadata = &fields;
    encoder_.append(into, exchange);
  }

 private:
  warc_encoder encoder_;
};

warc_output::warc_output(const std::string& path, record_file_options how)
    : file_(path, record_format_of(path), std::move(how)),
      encoding_(std::make_unique<encoding>(file_.format() == record_format::warc_gzip)) {}
warc_output::~warc_output() = default;

void warc_output::take(finished& each, writer& to) {
  if (was_cancelled(each)) return;
  record& result = each.result;
  auto kept = std::make_shared<kept_exchange>();
  kept->mark = mark_of(each);
  kept->asked_url = each.asked.url;
  kept->url = result.final_url.empty() ? each.asked.url : result.final_url;
  kept->id = each.asked.id;
  kept->method = each.asked.method;
  kept->request_body = each.asked.body;
  kept->request_head = last_head(result.sent_heads);
  kept->head = last_head(result.heads);
  if (result.measured) kept->address = without_port(result.measured->remote_address);
  if (result.error) kept->error = fmt::format("{}: {}", to_string(*result.error), result.message);
  kept->elapsed_ns = result.elapsed_ns;
  kept->status = result.status;
  kept->http_2 = result.http_version == 20;
  kept->has_response =
      result.status != 0 && !result.heads.empty() && (!result.error || *result.error == failure_kind::status);
  if (result.body && each.last_with_body)
    kept->body = std::move(*result.body);
  else if (result.body)
    kept->body = *result.body;
  const std::uint64_t size = kept->body.size() + kept->head.size();
  to.add(size, [this, kept = std::move(kept)] {
    if (file_.add(kept->mark, [&](std::string& text) { encoding_->append(text, *kept); })) file_.flush();
  });
}

}  // namespace fanout::fetch
