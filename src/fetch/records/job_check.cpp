#include <fanout/fetch/job_files.hpp>
#include <fanout/fetch/output_error.hpp>
#include <fanout/fetch/shard.hpp>

#include "fetch/bodies/body_digest.hpp"
#include "fetch/encoding/sha1_digest.hpp"
#include "fetch/records/record_database.hpp"
#include "fetch/records/record_scan.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <zstd.h>

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

namespace fanout::fetch {
namespace {

namespace json = boost::json;

std::uint64_t size_on_disk(const std::string& path) {
  struct stat is{};
  return ::stat(path.c_str(), &is) == 0 ? static_cast<std::uint64_t>(is.st_size) : 0;
}

/// The value of a header of a record in an archive; empty: it has none.
std::string_view field_of(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    if (line.starts_with(name) && line.substr(name.size()).starts_with(": ")) return line.substr(name.size() + 2);
  }
  return {};
}

std::uint64_t base64_size(std::string_view text) {
  if (text.empty()) return 0;
  return text.size() / 4 * 3 - (text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0);
}

/// Of what is no base64: nothing.
std::string base64_decoded(std::string_view text) {
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  bytes.resize(size < 0 ? 0 : std::min<std::size_t>(bytes.size(), base64_size(text)));
  return bytes;
}

std::string digest_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  body_digest sum;
  std::vector<char> piece(256 * 1024);
  while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())) || file.gcount() > 0)
    sum.add({piece.data(), static_cast<std::size_t>(file.gcount())});
  if (file.bad() || !file.eof()) throw output_error(fmt::format("cannot read {}", path));
  return sum.finish();
}

class checker {
 public:
  checker(const job_files& job, check_options how) : job_(job), how_(how) {}

  job_check run() {
    for (const job_part& part : job_.parts) look_at(part);
    if (how_.consistency && job_.state() == job_state::complete) look_for_gaps();
    if (how_.consistency && job_.joined) look_at_joined();
    return std::move(made_);
  }

 private:
  template <class... Values>
  void problem(fmt::format_string<Values...> text, Values&&... values) {
    constexpr std::size_t kept = 100;
    ++made_.problem_count;
    if (made_.problems.size() < kept) made_.problems.push_back(fmt::format(text, std::forward<Values>(values)...));
  }

  void look_at(const job_part& part) {
    std::uint64_t known = 0;  // records that the journal has, too
    part_seen_ = {};
    for (const std::string& file : part.files) {
      if (job_.database) {
        look_at_database(part, file, known);
        continue;
      }
      const bool open = file.ends_with(".part");
      std::uint64_t size = size_on_disk(file);
      // Behind it the records are on their way.
      if (open && part.state == job_state::running) size = part.journal ? std::min(size, part.journal->sink_length) : 0;
      file_ = &file;
      part_ = &part;
      const auto end = scan_units(file, job_.format, size, [&](const record_unit& unit) { take(unit, known); });
      if (open && part.state == job_state::running && end < size)
        problem("{}: only {} of {} bytes that the journal knows of are whole", file, end, size);
      else if (open && end < size)
        made_.remarks.push_back(
            fmt::format("{}: {} bytes behind the last whole record, which the next run cuts off", file, size - end));
      else if (end < size)
        problem("{}: what begins at byte {} of {} is no whole record", file, end, size);
    }
    if (how_.consistency && part.journal) compare(part, known);
  }

  void look_at_database(const job_part& part, const std::string& file, std::uint64_t& known) {
    file_ = &file;
    part_ = &part;
    record_database database(file);
    // It takes as long as the database is large, in one transaction, which would hold up the job.
    if (how_.consistency && part.state != job_state::running)
      for (const std::string& each : database.damage()) problem("{}: {}", file, each);
    database.each(how_.bodies, [&](const database_record& row) {
      take_mark(row.mark, known);
      made_.bytes += row.bytes;
      if (row.mark.failed) count_failure(row.error, row.url);
      if (how_.bodies && !row.body_zstd.empty()) take_packed_body(row);
    });
  }

  void take_packed_body(const database_record& row) {
    ++made_.bodies;
    const auto size = ZSTD_getFrameContentSize(row.body_zstd.data(), row.body_zstd.size());
    if (size != row.bytes) {
      const bool whole = size != ZSTD_CONTENTSIZE_ERROR && size != ZSTD_CONTENTSIZE_UNKNOWN;
      return problem("{}: the body of index {} {}, and its record says {}", *file_, row.mark.index,
                     whole ? fmt::format("has {} bytes", size) : "is no zstd frame", row.bytes);
    }
    std::string body(static_cast<std::size_t>(size), '\0');
    if (ZSTD_decompress(body.data(), body.size(), row.body_zstd.data(), row.body_zstd.size()) != body.size())
      return problem("{}: the body of index {} is no whole zstd frame", *file_, row.mark.index);
    if (!how_.digests || row.details.empty()) return;
    json::error_code failed;
    const json::value details = json::parse(row.details, failed);
    if (const json::object* const object = failed ? nullptr : details.if_object())
      compare_digest(row.mark, *object, body_digest::of(body));
  }

  void compare_digest(const record_mark& mark, const json::object& record, const std::string& found) {
    const json::value* const recorded = record.if_contains("sha256");
    if (recorded == nullptr || !recorded->is_string()) return;
    ++made_.digests;
    if (std::string_view(recorded->get_string()) != found)
      problem("{}: the body of index {} has SHA-256 {}, and its record says {}", *file_, mark.index, found,
              std::string_view(recorded->get_string()));
  }

  void compare(const job_part& part, std::uint64_t known) {
    const std::uint64_t done = part.journal->done.size();
    if (known >= done) return;
    std::uint64_t first = 0;
    while (!part.journal->done.contains(first) || part_seen_.contains(first)) ++first;
    const bool moved = std::any_of(part.journal->identity.begin(), part.journal->identity.end(),
                                   [](const auto& field) { return field.first == "rotation"; });
    if (moved)
      made_.remarks.push_back(fmt::format("{}: {} records of the journal are in none of the files that are still there",
                                          part.path, done - known));
    else
      problem("{}: {} records that the journal knows of are missing, the first of them index {}", part.path,
              done - known, first);
    moved_ |= moved;
  }

  void look_for_gaps() {
    const auto passes_over = [](const job_identity& identity) {
      return std::any_of(identity.begin(), identity.end(), [](const auto& field) { return field.first == "--dedupe"; });
    };
    if (moved_) return;
    const job_part& first_part = job_.parts.front();
    if (job_.shards ? passes_over(job_.shards->identity)
                    : !first_part.journal || passes_over(first_part.journal->identity))
      return;
    if (seen_.size() == 0 || seen_.size() == last_ + 1) return;
    std::uint64_t first = 0;
    while (seen_.contains(first)) ++first;
    problem("{}: {} of {} records are missing, the first of them index {}", job_.path, last_ + 1 - seen_.size(),
            last_ + 1, first);
  }

  /// The same records as the shards', if these are still there.
  void look_at_joined() {
    done_set there;
    std::uint64_t strange = 0;
    const auto take_joined = [&](const record_mark& mark) {
      if (!there.insert(mark.index)) problem("{}: two records of index {}", job_.path, mark.index);
      strange += !seen_.contains(mark.index);
    };
    if (job_.database) {
      record_database(job_.path).each(false, [&](const database_record& row) { take_joined(row.mark); });
    } else {
      const std::uint64_t size = size_on_disk(job_.path);
      const auto end = scan_units(job_.path, job_.format, size, [&](const record_unit& unit) {
        for (const record_mark& mark : unit.marks) take_joined(mark);
      });
      if (end < size) problem("{}: what begins at byte {} of {} is no whole record", job_.path, end, size);
    }
    if (seen_.size() > 0 && (strange > 0 || there.size() != seen_.size()))
      problem("{}: it has {} records, {} of which are not in the shards, and these have {}", job_.path, there.size(),
              strange, seen_.size());
  }

  void take(const record_unit& unit, std::uint64_t& known) {
    for (const record_mark& mark : unit.marks) take_mark(mark, known);
    if (is_warc(job_.format))
      take_exchange(unit);
    else
      take_lines(unit.text, unit.marks);
  }

  void take_mark(const record_mark& mark, std::uint64_t& known) {
    ++made_.records;
    made_.failed += mark.failed;
    last_ = std::max(last_, mark.index);
    if (!how_.consistency) return;
    if (!seen_.insert(mark.index)) problem("{}: two records of index {}", *file_, mark.index);
    const auto& journal = part_->journal;
    if (!journal) return;
    const bool is_known = journal->done.contains(mark.index);
    if (part_seen_.insert(mark.index)) known += is_known;
    if (!is_known && part_->state == job_state::complete)
      problem("{}: the journal does not know of index {}", *file_, mark.index);
    else if (is_known && journal->failed.contains(mark.index) != mark.failed)
      problem("{}: index {} {}, and the journal says the opposite", *file_, mark.index,
              mark.failed ? "failed" : "succeeded");
  }

  void take_lines(std::string_view text, const std::vector<record_mark>& marks) {
    for (const record_mark& mark : marks) {
      const auto end = text.find('\n');
      // Reading all of it takes a while: what only counts looks at what failed.
      if (mark.failed || how_.bodies) take_line(mark, text.substr(0, end));
      text.remove_prefix(end + 1);
    }
  }

  void take_line(const record_mark& mark, std::string_view line) {
    json::monotonic_resource room(room_, sizeof room_);
    json::error_code failed;
    const json::value value = json::parse(line, failed, &room);
    const json::object* const record = failed ? nullptr : value.if_object();
    if (record == nullptr) return problem("{}: the record of index {} is no JSON", *file_, mark.index);
    const json::value* const url = record->if_contains("url");
    const json::value* const bytes = record->if_contains("bytes");
    const json::value* const error = record->if_contains("error");
    if (!url || !url->is_string() || !bytes || !bytes->is_int64() || !error)
      return problem("{}: the record of index {} has no url, bytes or error", *file_, mark.index);
    const auto size = static_cast<std::uint64_t>(bytes->get_int64());
    made_.bytes += size;
    if (const json::object* const why = error->if_object())
      if (const json::value* const kind = why->if_contains("kind"); kind && kind->is_string())
        count_failure(kind->get_string(), url->get_string());
    if (how_.bodies) take_body(mark, *record, size);
  }

  void take_body(const record_mark& mark, const json::object& record, std::uint64_t size) {
    std::uint64_t there = 0;
    std::string digest;
    if (const json::value* const body = record.if_contains("body"); body && body->is_string()) {
      there = body->get_string().size();
      if (how_.digests) digest = body_digest::of(body->get_string());
    } else if (const json::value* const packed = record.if_contains("body_base64"); packed && packed->is_string()) {
      there = base64_size(packed->get_string());
      if (how_.digests) digest = body_digest::of(base64_decoded(packed->get_string()));
    } else if (const json::value* const file = record.if_contains("file");
               file && file->is_string() && !job_.directory.empty()) {
      const std::string name = job_.directory + std::string(file->get_string());
      struct stat is{};
      if (::stat(name.c_str(), &is) != 0) return problem("{}: the body of index {} is not there", name, mark.index);
      there = static_cast<std::uint64_t>(is.st_size);
      if (how_.digests && record.contains("sha256")) digest = digest_of_file(name);
    } else {
      return;
    }
    ++made_.bodies;
    if (there != size)
      problem("{}: the body of index {} has {} bytes, and its record says {}", *file_, mark.index, there, size);
    else if (how_.digests)
      compare_digest(mark, record, digest);
  }

  void take_exchange(const record_unit& unit) {
    std::string_view text = unit.text;
    while (!text.empty()) {
      const auto head_end = text.find("\r\n\r\n");
      if (head_end == text.npos) return;
      const std::string_view head = text.substr(0, head_end + 2);
      std::uint64_t length = 0;
      const std::string_view length_text = field_of(head, "Content-Length");
      std::from_chars(length_text.data(), length_text.data() + length_text.size(), length);
      const std::string_view block = text.substr(head_end + 4, length);
      take_warc_record(unit, head, block);
      text.remove_prefix(std::min<std::uint64_t>(text.size(), head_end + 4 + length + 4));
    }
  }

  void take_warc_record(const record_unit& unit, std::string_view head, std::string_view block) {
    const std::string_view type = field_of(head, "WARC-Type");
    const std::string_view url = field_of(head, "WARC-Target-URI");
    if (type == "metadata" && !unit.marks.empty() && unit.marks[0].failed) {
      const std::string fields = std::string("\r\n").append(block);
      const std::string_view why = field_of(fields, "fanoutError");  // "dns: no address"
      const std::string_view asked = field_of(fields, "fanoutUrl");
      count_failure(why.substr(0, why.find(':')), asked.empty() ? url : asked);
    }
    const auto body_at = block.find("\r\n\r\n");
    const std::string_view body = body_at == block.npos ? std::string_view() : block.substr(body_at + 4);
    if (type == "response") made_.bytes += body.size();
    if (!how_.bodies) return;
    const std::string index = unit.marks.empty() ? "the head" : fmt::format("index {}", unit.marks[0].index);
    if (const auto digest = field_of(head, "WARC-Block-Digest"); !digest.empty() && digest != sha1_digest(block))
      problem("{}: {} of {}: the block has another digest", *file_, type, index);
    const auto digest = field_of(head, "WARC-Payload-Digest");
    if (digest.empty() || type == "revisit") return;
    ++made_.bodies;
    if (digest != sha1_digest(body)) problem("{}: {} of {}: the payload has another digest", *file_, type, index);
  }

  void count_failure(std::string_view kind, std::string_view url) {
    ++made_.by_kind[std::string(kind)];
    made_.failing_hosts.add(host_in(url), 1, true);
  }

  const job_files& job_;
  const check_options how_;
  job_check made_;
  done_set seen_;
  done_set part_seen_;
  std::uint64_t last_ = 0;
  bool moved_ = false;
  const job_part* part_ = nullptr;
  const std::string* file_ = nullptr;
  unsigned char room_[16 * 1024];
};

}  // namespace

job_check check_job(const job_files& job, check_options how) {
  return checker(job, how).run();
}

}  // namespace fanout::fetch
