#include <fanout/fetch/record_format.hpp>
#include <fanout/fetch/validators.hpp>

#include "fetch/hash/siphash.hpp"
#include "fetch/records/archive_heads.hpp"
#include "fetch/sources/input_file.hpp"
#include "fetch/sqlite/sqlite_database.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace fanout::fetch {
namespace {

namespace json = boost::json;

bool is_directory(const std::string& path) {
  struct stat is{};
  return ::stat(path.c_str(), &is) == 0 && S_ISDIR(is.st_mode);
}

bool has_field(const header_list& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(),
                     [&](const auto& each) { return boost::beast::iequals(each.first, name); });
}

/// Of a record's list of [name, value].
validator validator_in(const json::value* headers) {
  validator made;
  if (headers == nullptr || !headers->is_array()) return made;
  for (const json::value& each : headers->get_array()) {
    if (!each.is_array() || each.get_array().size() != 2 || !each.get_array()[0].is_string() ||
        !each.get_array()[1].is_string())
      continue;
    const std::string_view name = each.get_array()[0].get_string();
    const std::string_view value = each.get_array()[1].get_string();
    if (boost::beast::iequals(name, "etag")) made.etag = value;
    if (boost::beast::iequals(name, "last-modified")) made.last_modified = value;
  }
  return made;
}

/// A page, or one that was the same already.
bool tells_of_a_page(std::int64_t status) {
  return status == 200 || status == 304;
}

}  // namespace

class validators::implementation {
 public:
  explicit implementation(std::string output) {
    if (is_directory(output)) output += "/records.jsonl";
    try {
      database_.run(
          "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN; CREATE TABLE known(key BLOB PRIMARY KEY, etag, "
          "modified, id, url, date, digest) WITHOUT ROWID");
      adding_ = database_.prepare("INSERT OR REPLACE INTO known VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
      read(output);
      adding_ = {};
      database_.run("COMMIT");
      size_ = static_cast<std::uint64_t>(database_.number("SELECT count(*) FROM known"));
      finding_ = database_.prepare("SELECT etag, modified, id, url, date, digest FROM known WHERE key = ?1");
    } catch (const input_error& failed) {
      throw std::runtime_error(fmt::format("cannot read {}: {}", output, failed.reason()));
    } catch (const std::runtime_error& failed) {
      throw std::runtime_error(fmt::format("cannot read {}: {}", output, failed.what()));
    }
    if (size_ == 0)
      throw std::runtime_error(fmt::format(
          "{} has no ETag and no Last-Modified; records have them where the run had --with-headers", output));
  }

  std::uint64_t size() const noexcept { return size_; }

  std::optional<validator> find(std::string_view url) {
    const auto key = key_of_url(url);
    const std::lock_guard lock(mutex_);
    finding_.bind_blob(1, {key.data(), key.size()});
    std::optional<validator> found;
    const auto text = [this](int column) { return std::string(finding_.text(column)); };
    if (finding_.step()) found = validator{text(0), text(1), text(2), text(3), text(4), text(5)};
    finding_.reset();
    return found;
  }

 private:
  std::array<char, 16> key_of_url(std::string_view url) const {
    const hash_128 hash = siphash_128(url, key_);
    std::array<char, 16> bytes{};
    for (std::size_t i = 0; i < 8; ++i) {
      bytes[i] = static_cast<char>(hash.low >> 8 * i & 0xff);
      bytes[i + 8] = static_cast<char>(hash.high >> 8 * i & 0xff);
    }
    return bytes;
  }

  void add(std::string_view url, const validator& of) {
    if (of.etag.empty() && of.last_modified.empty()) return;
    const auto key = key_of_url(url);
    adding_.bind_blob(1, {key.data(), key.size()});
    int parameter = 2;
    for (const std::string* const each :
         {&of.etag, &of.last_modified, &of.record_id, &of.record_url, &of.record_date, &of.payload_digest})
      adding_.bind(parameter++, std::string_view(*each));
    adding_.run();
  }

  void read(const std::string& output) {
    if (is_sqlite_file(output)) return read_database(output);
    if (is_warc(record_format_of(output))) return read_archive(output);
    read_lines(output);
  }

  void read_lines(const std::string& output) {
    input_file file(output);
    std::string text;
    for (bool more = true; more;) {
      more = file.read_into(text);
      std::size_t begin = 0;
      for (auto end = text.find('\n'); end != text.npos; begin = end + 1, end = text.find('\n', begin))
        read_line(std::string_view(text).substr(begin, end - begin));
      text.erase(0, begin);
    }
  }

  void read_line(std::string_view line) {
    boost::system::error_code failed;
    const json::value parsed = json::parse(line, failed);
    const json::object* const record = failed ? nullptr : parsed.if_object();
    const json::value* const url = record ? record->if_contains("url") : nullptr;
    if (!url || !url->is_string()) throw std::runtime_error("it has a line that is no record");
    const json::value* const status = record->if_contains("status");
    if (status && status->is_int64() && tells_of_a_page(status->get_int64()))
      add(url->get_string(), validator_in(record->if_contains("headers")));
  }

  void read_database(const std::string& output) {
    sqlite_database from(output, sqlite_database::mode::read);
    sqlite_statement rows = from.prepare("SELECT url, details FROM records WHERE status IN (200, 304)");
    while (rows.step()) {
      boost::system::error_code failed;
      const json::value parsed = json::parse(rows.text(1), failed);
      const json::object* const details = failed ? nullptr : parsed.if_object();
      if (details) add(rows.text(0), validator_in(details->if_contains("headers")));
    }
  }

  /// The metadata behind a response say which URL was asked for.
  void read_archive(const std::string& output) {
    std::optional<validator> last;
    archive_heads records([&](const archive_head& each) {
      const auto type = field_in(each.fields, "warc-type");
      const auto block = each.block;
      if (type == "response" || type == "revisit") {
        last.reset();
        const auto space = block.find(' ');
        const auto status = space == block.npos ? std::string_view() : block.substr(space + 1, 3);
        if (status != "200" && status != "304") return;
        const auto head = block.substr(0, std::min(block.find("\r\n\r\n"), block.size()));
        last = validator{std::string(field_in(head, "etag")), std::string(field_in(head, "last-modified"))};
        const auto field = [&each](const char* name) { return std::string(field_in(each.fields, name)); };
        const bool revisit = type == "revisit";  // which speaks of the record that has the payload
        last->record_id = field(revisit ? "warc-refers-to" : "warc-record-id");
        last->record_url = field(revisit ? "warc-refers-to-target-uri" : "warc-target-uri");
        last->record_date = field(revisit ? "warc-refers-to-date" : "warc-date");
        last->payload_digest = field("warc-payload-digest");
      } else if (type == "metadata" && last) {
        const auto asked = field_in(block, "fanoutUrl");
        add(asked.empty() ? field_in(each.fields, "warc-target-uri") : asked, *last);
        last.reset();
      }
    });
    input_file file(output);
    std::string text;
    while (file.read_into(text)) {
      records.feed(text);
      text.clear();
    }
  }

  const hash_128 key_ = random_key();
  sqlite_database database_{"", sqlite_database::mode::write};  // a file that has no name
  sqlite_statement adding_;
  std::mutex mutex_;  ///< guards `finding_`
  sqlite_statement finding_;
  std::uint64_t size_ = 0;
};

validators::validators(const std::string& output) : implementation_(std::make_unique<implementation>(output)) {}
validators::validators(validators&&) noexcept = default;
validators& validators::operator=(validators&&) noexcept = default;
validators::~validators() = default;

std::uint64_t validators::size() const noexcept {
  return implementation_->size();
}
std::optional<validator> validators::find(std::string_view url) const {
  return implementation_->find(url);
}

void validators::add_to(request& asked) const {
  if (asked.method != "GET" && asked.method != "HEAD") return;
  for (const char* const name :
       {"If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "If-Range", "Range"})
    if (has_field(asked.headers, name)) return;
  const auto known = find(asked.url);
  if (!known) return;
  if (!known->etag.empty()) asked.headers.emplace_back("If-None-Match", known->etag);
  if (!known->last_modified.empty()) asked.headers.emplace_back("If-Modified-Since", known->last_modified);
}

}  // namespace fanout::fetch
