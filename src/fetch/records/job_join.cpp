#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/detail/part_file.hpp>
#include <fanout/fetch/job_files.hpp>
#include <fanout/fetch/output.hpp>

#include "fetch/encoding/gzip_members.hpp"
#include "fetch/encoding/zstd_frames.hpp"
#include "fetch/records/archive_walk.hpp"
#include "fetch/records/record_database.hpp"
#include "fetch/records/record_scan.hpp"
#include "fetch/sqlite/sqlite_database.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fanout::fetch {
namespace {

std::uint64_t size_of_shard(const std::string& path) {
  struct stat is{};
  return ::stat(path.c_str(), &is) == 0 ? static_cast<std::uint64_t>(is.st_size) : 0;
}

/// Records by index, in files without names: each has those of a range, so that one of them fits into memory.
class record_ranges {
 public:
  record_ranges(const std::string& beside, std::uint64_t bytes, std::uint64_t last) {
    constexpr std::uint64_t range_bytes = 64U << 20;
    constexpr std::uint64_t most_ranges = 128;  // each is an open file
    const std::uint64_t count = std::clamp<std::uint64_t>(bytes / range_bytes + 1, 1, most_ranges);
    width_ = last / count + 1;
    const auto slash = beside.rfind('/');
    const std::string directory = slash == beside.npos ? "." : beside.substr(0, slash + 1);
    for (std::uint64_t i = 0; i < count; ++i) ranges_.push_back({unnamed_file(directory), {}});
  }

  void add(std::uint64_t index, std::string_view record) {
    range& to = ranges_[static_cast<std::size_t>(index / width_)];
    const std::uint64_t head[2]{index, record.size()};
    to.waiting.append(reinterpret_cast<const char*>(head), sizeof head).append(record);
    if (to.waiting.size() > 256 * 1024) write(to);
  }

  /// Calls `found` for each record, in order of their indexes.
  template <class Found>
  void each(Found found) {
    for (range& of : ranges_) {
      write(of);
      std::string text(static_cast<std::size_t>(std::max<off_t>(::lseek(of.file.value(), 0, SEEK_END), 0)), '\0');
      for (std::size_t have = 0; have < text.size();) {
        const ssize_t got = ::pread(of.file.value(), text.data() + have, text.size() - have, static_cast<off_t>(have));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) throw output_error(fmt::format("cannot read records back: {}", std::strerror(errno)));
        have += static_cast<std::size_t>(got);
      }
      std::vector<std::pair<std::uint64_t, std::string_view>> records;
      for (std::size_t at = 0; at < text.size();) {
        std::uint64_t head[2];
        std::memcpy(head, text.data() + at, sizeof head);
        records.emplace_back(head[0], std::string_view(text).substr(at + sizeof head, head[1]));
        at += sizeof head + head[1];
      }
      std::sort(records.begin(), records.end());
      for (const auto& [index, record] : records) found(record);
      of.file = {};
    }
  }

 private:
  struct range {
    fanout::detail::owned_descriptor file;
    std::string waiting;
  };

  static fanout::detail::owned_descriptor unnamed_file(const std::string& directory) {
    std::string name = directory + "/.fanout-join-XXXXXX";
    fanout::detail::owned_descriptor made(::mkostemp(name.data(), O_CLOEXEC));
    if (!made) throw output_error(fmt::format("cannot make a file in {}: {}", directory, std::strerror(errno)));
    ::unlink(name.c_str());
    return made;
  }
  static void write(range& to) {
    if (const int failed = write_all(to.file.value(), to.waiting))
      throw output_error(fmt::format("cannot write records in order: {}", std::strerror(failed)));
    to.waiting.clear();
  }

  std::uint64_t width_ = 1;
  std::vector<range> ranges_;
};

/// The file of all shards while it is being written.
class joined_file {
 public:
  joined_file(const std::string& path, record_format format)
      : format_(format), file_(detail::part_file::open(path)), name_(file_.name()) {
    if (::flock(file_.descriptor(), LOCK_EX | LOCK_NB) != 0)
      throw join_error(fmt::format("{} is being written by another process", name_), true);
  }

  /// Bytes as they are in a file of this format.
  void add_raw(std::string_view bytes) {
    waiting_ += bytes;
    if (waiting_.size() > (1U << 20)) write();
  }
  /// The bytes of another file between two places.
  void add_part(const std::string& path, int descriptor, std::uint64_t begin, std::uint64_t end) {
    while (begin < end) {
      const std::size_t had = waiting_.size();
      const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(end - begin, 1U << 20));
      waiting_.resize(had + wanted);
      const ssize_t got = ::pread(descriptor, waiting_.data() + had, wanted, static_cast<off_t>(begin));
      const int why = got < 0 ? errno : 0;
      waiting_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      if (why == EINTR) continue;
      if (got <= 0)
        throw output_error(
            fmt::format("cannot read {}: {}", path, why == 0 ? "it is shorter now" : std::strerror(why)));
      begin += static_cast<std::uint64_t>(got);
      if (waiting_.size() > (1U << 20)) write();
    }
  }
  /// A record that is a line.
  void add(std::string_view record) {
    if (format_ != record_format::gzip_lines && format_ != record_format::zstd_lines) return add_raw(record);
    text_ += record;
    if (text_.size() >= 64 * 1024) pack();
  }
  void close() {
    pack();
    write();
    if (::fdatasync(file_.descriptor()) != 0) file_.fail(errno);
    file_.finish();
  }

 private:
  void pack() {
    if (text_.empty()) return;
    std::string packed;
    format_ == record_format::gzip_lines ? gzip_.append(packed, text_) : zstd_.append(packed, text_);
    text_.clear();
    add_raw(packed);
  }
  void write() {
    if (const int failed = write_all(file_.descriptor(), waiting_)) file_.fail(failed);
    waiting_.clear();
  }

  record_format format_;
  detail::part_file file_;
  std::string name_;
  std::string waiting_;
  std::string text_;
  gzip_members gzip_;
  zstd_frames zstd_;
};

/// What shards of one job have in common.
job_identity without_shard(job_identity identity) {
  std::erase_if(identity, [](const auto& field) { return field.first == "--shard" || field.first == "rotation"; });
  return identity;
}

void check_shards(const job_files& job) {
  if (!job.shards)
    throw join_error(fmt::format("there is no {}.shards: these are no shards of a job", job.path), false);
  std::string missing;
  for (const job_part& part : job.parts)
    if (part.state != job_state::complete) missing += fmt::format("{}{}", missing.empty() ? "" : ", ", *part.shard);
  if (!missing.empty())
    throw join_error(fmt::format("of {} shards these are not complete: {}", job.parts.size(), missing), true);
  // Journals of older attempts may lie beside: all have to be of one job.
  const job_part* first = nullptr;
  for (const job_part& part : job.parts) {
    if (!part.journal) continue;
    if (first == nullptr) first = &part;
    const std::string differs =
        difference(without_shard(first->journal->identity), without_shard(part.journal->identity));
    if (!differs.empty())
      throw join_error(fmt::format("shard {} is of another job than shard {}: {}", *part.shard, *first->shard, differs),
                       false);
  }
}

struct found_records {
  done_set indexes;
  std::uint64_t last = 0;
  std::uint64_t bytes = 0;  ///< unpacked
};

/// A part of one of the files of the shards.
struct file_part {
  std::uint64_t file = 0;  ///< its number
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// Files that are read here and there.
class source_files {
 public:
  int open(const std::string& path) {
    constexpr std::size_t most = 64;
    if (open_.size() >= most && !open_.contains(path)) open_.clear();
    fanout::detail::owned_descriptor& file = open_[path];
    if (!file) file = fanout::detail::owned_descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) throw output_error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
    return file.value();
  }

 private:
  std::unordered_map<std::string, fanout::detail::owned_descriptor> open_;
};

/// Calls `found` for what stands alone in an archive.
class exchange_places final : public archive_visitor {
 public:
  explicit exchange_places(std::function<void(const archive_unit&)> found) : found_(std::move(found)) {}
  void record(std::string_view) override {}
  void block(std::string_view) override {}
  void unit(const archive_unit& whole) override { found_(whole); }

 private:
  const std::function<void(const archive_unit&)> found_;
};

/// All records of all shards; `lines` is called for each unit of lines, `exchange` for each of an archive with its
/// file.
template <class Lines, class Exchange>
found_records read_shards(const job_files& job, Lines lines, Exchange exchange) {
  found_records found;
  const auto take = [&found](const std::string& file, const record_mark& mark) {
    if (!found.indexes.insert(mark.index))
      throw join_error(fmt::format("{}: there is another record of index {}", file, mark.index), false);
    found.last = std::max(found.last, mark.index);
  };
  if (job.database) {
    for (const job_part& part : job.parts)
      for (const std::string& file : part.files)
        record_database(file).each(false, [&](const database_record& row) { take(file, row.mark); });
    return found;
  }
  for (const job_part& part : job.parts) {
    for (const std::string& file : part.files) {
      const std::uint64_t size = size_of_shard(file);
      exchange_places units([&](const archive_unit& each) {
        if (each.mark) take(file, *each.mark);
        found.bytes += sizeof(file_part);
        exchange(file, each);
      });
      const auto end = is_warc(job.format) ? walk_archive(file, job.format, 0, size, units)
                                           : scan_units(file, job.format, size, [&](const record_unit& each) {
                                               for (const record_mark& mark : each.marks) take(file, mark);
                                               found.bytes += each.text.size();
                                               lines(each);
                                             });
      if (end < size) throw join_error(fmt::format("{}: what begins at byte {} is no whole record", file, end), false);
    }
    if (part.journal && part.journal->done.size() > 0 && part.files.empty())
      throw join_error(fmt::format("the records of shard {} are gone", *part.shard), false);
  }
  return found;
}

void check_gaps(const job_files& job, const found_records& found) {
  const auto& identity = job.shards->identity;
  const bool with_repeats =
      std::any_of(identity.begin(), identity.end(), [](const auto& field) { return field.first == "--dedupe"; });
  if (with_repeats || found.indexes.size() == 0 || found.indexes.size() == found.last + 1) return;
  std::uint64_t first = 0;
  while (found.indexes.contains(first)) ++first;
  throw join_error(fmt::format("{} of {} records are in no shard, the first of them index {}",
                               found.last + 1 - found.indexes.size(), found.last + 1, first),
                   false);
}

void add_by_index(record_ranges& to, const record_unit& unit) {
  std::string_view left = unit.text;
  for (const record_mark& mark : unit.marks) {
    const auto end = left.find('\n') + 1;
    to.add(mark.index, left.substr(0, end));
    left.remove_prefix(end);
  }
}

/// Moves the log of a database that is to be replaced into it: the two are one until the new one has the name, and the
/// new one must never be read with a log that is not its own.
void settle_log_of(const std::string& path) {
  if (size_of_shard(path + "-wal") == 0 || !is_sqlite_file(path)) return;
  try {
    sqlite_database replaced(path, sqlite_database::mode::write);
    replaced.number("SELECT count(*) FROM sqlite_schema");  // it opens the log
    if (!replaced.checkpoint(sqlite_database::checkpoint_kind::whole))
      throw join_error(fmt::format("{} is being used by another program", path), true);
  } catch (const sqlite_error& failed) {
    throw join_error(fmt::format("{} is to be replaced, and its log cannot be read: {}", path, failed.what()), false);
  }
}

void join_into_database(const job_files& job) {
  detail::part_file to = detail::part_file::open(job.path);
  if (::flock(to.descriptor(), LOCK_EX | LOCK_NB) != 0)
    throw join_error(fmt::format("{} is being written by another process", to.name()), true);
  if (::ftruncate(to.descriptor(), 0) != 0) to.fail(errno);
  std::vector<std::string> from;
  for (const job_part& part : job.parts) from.insert(from.end(), part.files.begin(), part.files.end());
  join_databases(from, to.name());
  if (::fdatasync(to.descriptor()) != 0) to.fail(errno);
  settle_log_of(job.path);
  to.finish();
  for (const char* const log : {"-wal", "-shm"}) ::unlink((job.path + log).c_str());  // empty, of what was replaced
}

/// Where an exchange is: archives are put in order by that, and copied once.
void join_archives_by_index(const job_files& job, const found_records& found, joined_file& to, source_files& files) {
  std::vector<std::string> names;
  for (const job_part& part : job.parts) names.insert(names.end(), part.files.begin(), part.files.end());
  record_ranges ranges(job.path, found.bytes, found.last);
  bool has_head = false;
  std::size_t at = 0;
  read_shards(
      job, [](const record_unit&) {},
      [&](const std::string& file, const archive_unit& unit) {
        while (names[at] != file) ++at;
        if (unit.mark) {
          const file_part part{at, unit.begin, unit.end};
          ranges.add(unit.mark->index, {reinterpret_cast<const char*>(&part), sizeof part});
        } else if (!std::exchange(has_head, true)) {
          to.add_part(file, files.open(file), unit.begin, unit.end);
        }
      });
  ranges.each([&](std::string_view record) {
    file_part part;
    std::memcpy(&part, record.data(), sizeof part);
    const std::string& name = names[part.file];
    to.add_part(name, files.open(name), part.begin, part.end);
  });
}

}  // namespace

std::uint64_t join_shards(const job_files& job, join_order order) {
  check_shards(job);
  const auto pass_over = [](const auto&...) {};
  const found_records found = read_shards(job, pass_over, pass_over);  // before anything is written
  check_gaps(job, found);
  if (job.database) {
    join_into_database(job);
    return found.indexes.size();
  }
  joined_file to(job.path, job.format);
  source_files files;
  const auto copy = [&](const std::string& file, const archive_unit& unit) {
    to.add_part(file, files.open(file), unit.begin, unit.end);
  };
  if (order == join_order::as_written) {
    read_shards(job, [&to](const record_unit& unit) { to.add_raw(unit.raw); }, copy);
  } else if (is_warc(job.format)) {
    join_archives_by_index(job, found, to, files);
  } else {
    record_ranges ranges(job.path, found.bytes, found.last);
    read_shards(job, [&](const record_unit& unit) { add_by_index(ranges, unit); }, pass_over);
    ranges.each([&to](std::string_view record) { to.add(record); });
  }
  to.close();
  return found.indexes.size();
}

}  // namespace fanout::fetch
