#pragma once

#include <fanout/fetch/journal_contents.hpp>
#include <fanout/fetch/output.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// \file
/// What of a job is done, on disk, so that a job that was killed goes on where it was.
namespace fanout::fetch {

/// Reads a journal up to the first block that is not whole. Throws `journal_error`.
journal_contents read_journal(const std::string& path);

/// Whether the system has not been started anew since: then what was written and not yet synced is there as well.
bool same_boot(const journal_contents& contents);

/// Cuts a file to the length that its journal knows of: what is behind it belongs to no record, and would be there
/// twice. Throws `journal_error` where the file is shorter than that: something else has written to it.
void cut_sink(const std::string& path, std::uint64_t length);

/// Writes down which inputs are done, once their records are on disk.
///
/// ```cpp
/// fetch::journal done("pages.jsonl.journal", identity, {.sync_sink = [&] { ::fdatasync(file); }});
/// write(file, line);                       // first the record ...
/// done.add(index, {.sink_length = size});  // ... then that it is there
/// done.close();
/// ```
///
/// A thread of its own does the rest, once an interval: it syncs the sink, appends a block with the indexes and the
/// sink's length, and syncs the journal. So a block on disk means that its records are on disk, whenever the power
/// fails, and a slow disk holds up nobody until a million records wait. A block is a few bytes and CRC-32C: magic,
/// count, payload size, CRC, sink length, sink part, then the sorted indexes as varints of twice their distance, odd
/// for those that failed. It takes 1 to 3 bytes a record.
///
/// The file appears whole: its header is written under another name and renamed.
///
/// Errors: `output_error` names the file; it comes from the constructor, and from any call once the thread has met it.
/// Thread safety: `add`, `commit` and `close` on one thread at a time. Destroying it without `close` writes what waits
/// and reports nothing.
class journal {
 public:
  struct options {
    /// Brings what was written to the sink to disk. Runs on the journal's thread; what it throws is what calls then
    /// throw.
    std::function<void()> sync_sink = {};
    std::chrono::milliseconds interval{1'000};
  };
  /// How a record ended, and what the sink was after it.
  struct entry {
    std::uint64_t sink_length = 0;
    std::uint64_t sink_part = 0;
    bool failed = false;
  };

  /// A new journal; a file of that name is replaced.
  journal(const std::string& path, const job_identity& identity, options how);
  /// Goes on with one that was read, behind what is whole.
  journal(const std::string& path, const journal_contents& contents, options how);
  journal(const journal&) = delete;
  journal& operator=(const journal&) = delete;
  ~journal();

  /// Bytes of this record, and of all before it, have been written to the sink.
  void add(std::uint64_t index, entry how);
  /// The same of several that were written together, to this length of the sink.
  struct mark {
    std::uint64_t index = 0;
    bool failed = false;
  };
  void add_all(std::span<const mark> written, std::uint64_t sink_length, std::uint64_t sink_part);
  /// Waits until what was added is on disk.
  void commit();
  /// The same, and ends. Nothing is added after it.
  void close();

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace fanout::fetch
