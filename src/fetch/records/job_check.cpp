#include <fanout/fetch/job_files.hpp>
#include <fanout/fetch/output_error.hpp>
#include <fanout/fetch/shard.hpp>

#include "fetch/bodies/body_digest.hpp"
#include "fetch/encoding/sha1_digest.hpp"
#include "fetch/records/archive_heads.hpp"
#include "fetch/records/archive_walk.hpp"
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
#include <fstream>
#include <functional>
#include <optional>
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

/// What stands in the archive of an exchange, until the exchange is known to be whole.
class exchange_reader final : public archive_visitor {
 public:
  exchange_reader(bool digests, std::function<void(const archive_unit&, const exchange_reader&)> found)
      : digests_(digests), found_(std::move(found)) {}

  std::uint64_t bytes = 0;   ///< of responses
  std::uint64_t bodies = 0;  ///< whose digests were compared
  std::string url;           ///< of the last record
  struct wrong_digest {
    std::string type;  ///< of the record
    const char* of;
  };
  std::vector<wrong_digest> wrong;

  void record(std::string_view fields) override {
    end_record();
    type_ = field_in(fields, "WARC-Type");
    url = field_in(fields, "WARC-Target-URI");
    block_digest_ = field_in(fields, "WARC-Block-Digest");
    payload_digest_ = type_ == "revisit" ? std::string_view() : field_in(fields, "WARC-Payload-Digest");
    payload_ = {};
  }

  void block(std::string_view piece) override {
    const std::string_view body = payload_.of(piece);
    if (type_ == "response") bytes += body.size();
    if (!digests_) return;
    if (!block_digest_.empty()) sum_of(block_sum_).add(piece);
    if (!payload_digest_.empty()) sum_of(payload_sum_).add(body);
  }

  void unit(const archive_unit& whole) override {
    end_record();
    found_(whole, *this);
    bytes = bodies = 0;
    wrong.clear();
  }

 private:
  static sha1_sum& sum_of(std::optional<sha1_sum>& sum) { return sum ? *sum : sum.emplace(); }

  void end_record() {
    if (!digests_) return;
    if (!block_digest_.empty() && sum_of(block_sum_).text() != block_digest_) wrong.push_back({type_, "block"});
    bodies += !payload_digest_.empty();
    if (!payload_digest_.empty() && sum_of(payload_sum_).text() != payload_digest_) wrong.push_back({type_, "payload"});
    block_digest_.clear();
    payload_digest_.clear();
    block_sum_.reset();
    payload_sum_.reset();
  }

  const bool digests_;
  const std::function<void(const archive_unit&, const exchange_reader&)> found_;
  std::string type_;
  std::string block_digest_;
  std::string payload_digest_;
  block_payload payload_;
  std::optional<sha1_sum> block_sum_;
  std::optional<sha1_sum> payload_sum_;
};

std::string digest_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  body_digest sum;
  std::vector<char> piece(256 * 1024);
  while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())) || file.gcount() > 0)
    sum.add({piece.data(), static_cast<std::size_t>(file.gcount())});
  if (file.bad() || !file.eof()) throw output_error(fmt::format("cannot read {}", path));
  return sum.finish();
}

/// Reads which records a file has.
template <class Found>
std::uint64_t for_each_mark(const std::string& path, record_format format, std::uint64_t size, Found found) {
  if (!is_warc(format))
    return scan_units(path, format, size, [&](const record_unit& unit) {
      for (const record_mark& mark : unit.marks) found(mark);
    });
  exchange_reader reader(false, [&](const archive_unit& whole, const exchange_reader&) {
    if (whole.mark) found(*whole.mark);
  });
  return walk_archive(path, format, 0, size, reader);
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
      const auto end = read_file(file, size, known);
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
      const auto end = for_each_mark(job_.path, job_.format, size, take_joined);
      if (end < size) problem("{}: what begins at byte {} of {} is no whole record", job_.path, end, size);
    }
    if (seen_.size() > 0 && (strange > 0 || there.size() != seen_.size()))
      problem("{}: it has {} records, {} of which are not in the shards, and these have {}", job_.path, there.size(),
              strange, seen_.size());
  }

  std::uint64_t read_file(const std::string& file, std::uint64_t size, std::uint64_t& known) {
    if (!is_warc(job_.format))
      return scan_units(file, job_.format, size, [&](const record_unit& unit) {
        for (const record_mark& mark : unit.marks) take_mark(mark, known);
        take_lines(unit.text, unit.marks);
      });
    exchange_reader reader(how_.bodies, [&](const archive_unit& whole, const exchange_reader& read) {
      if (whole.mark) take_mark(*whole.mark, known);
      take_exchange(whole, read);
    });
    return walk_archive(file, job_.format, 0, size, reader);
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

  void take_exchange(const archive_unit& whole, const exchange_reader& read) {
    if (whole.mark && whole.mark->failed) {
      const std::string_view why = field_in(whole.metadata, "fanoutError");  // "dns: no address"
      const std::string_view asked = field_in(whole.metadata, "fanoutUrl");
      count_failure(why.substr(0, why.find(':')), asked.empty() ? std::string_view(read.url) : asked);
    }
    made_.bytes += read.bytes;
    made_.bodies += read.bodies;
    const std::string index = whole.mark ? fmt::format("index {}", whole.mark->index) : "the head";
    for (const auto& [type, of] : read.wrong)
      problem("{}: {} of {}: the {} has another digest", *file_, type, index, of);
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
