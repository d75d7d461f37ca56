#pragma once

#include <fanout/fetch/done_set.hpp>
#include <fanout/fetch/journal.hpp>
#include <fanout/fetch/record_format.hpp>
#include <fanout/fetch/warc_encoder.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>

/// \file
/// A file of records that a job can go on with.
namespace fanout::fetch {

struct record_file_options {
  job_identity identity = {};  ///< a file of another job is not gone on with
  bool begins_anew = false;    ///< whatever an earlier run has left is replaced
  bool goes_on_later =
      true;  ///< false: nobody can go on with it, so what a stopped job wrote gets the name if it is free
  bool retry_failed = false;  ///< records of requests that failed are taken out, so that they are fetched again
  /// \name A file is ended at so many bytes or records, and the next begun; 0: there is one
  /// The names of `pages.jsonl.gz` are then `pages-00000.jsonl.gz`, `pages-00001.jsonl.gz`, ...
  /// @{
  std::uint64_t rotate_bytes = 0;
  std::uint64_t rotate_records = 0;
  /// @}
  /// Called with the name of each file that is whole, in turn, on the thread that writes. It throws `output_error`
  /// where the file could not be dealt with: the job ends, and the file stays. After a job was killed it may be called
  /// once more with the last whole one.
  std::function<void(const std::string& path)> on_close = {};
  std::chrono::milliseconds interval{1'000};  ///< records are on disk after that, at the latest
  /// Everything on the file system of the records is brought to disk before the journal says so: for bodies beside
  /// them.
  bool sync_file_system = false;
};

/// The records of a job in a file, or in several, with a journal of which inputs are done. After the process was killed
/// the same job goes on: every input has one record in the end.
///
/// ```cpp
/// fetch::record_file pages("pages.jsonl.gz", fetch::record_format::gzip_lines, {.identity = job});
/// if (!pages.done().contains(index)) ...
/// pages.add({index}, [&](std::string& text) { fetch::append_json(text, index, asked, result); });
/// pages.close();
/// ```
///
/// Records go to `pages.jsonl.gz.part`, and the journal is `pages.jsonl.gz.journal`. `close` renames the first; the
/// journal stays, and says what is done. With a `.part` and a journal there, what is whole in them is kept: records up
/// to the length that the journal knows of; behind it, unless the system was started anew since, those that are whole
/// by themselves: a line, a gzip member, a zstd frame, all records of an exchange in an archive. Where the file is
/// shorter than the journal says, it is read from its beginning, and the journal made anew.
///
/// Errors: `journal_error` where the file belongs to a job with another identity, or another process has it open;
/// `output_error` where it cannot be written, with how many records are whole.
///
/// Thread safety: `add` and `flush` on any thread, `close` once, when no other is called. A thread of its own flushes
/// what waits, every `interval`. Destroying it without `close` is `keep`, without errors.
class record_file {
 public:
  using mark = journal::mark;

  record_file(const std::string& path, record_format format, record_file_options how);
  record_file(const record_file&) = delete;
  record_file& operator=(const record_file&) = delete;
  ~record_file();

  /// What was done when it was opened.
  const done_set& done() const noexcept;
  /// There was something to go on with.
  bool resumed() const noexcept;
  record_format format() const noexcept;
  /// A file of this job that earlier runs wrote, and its bytes that are whole.
  struct earlier_file {
    std::string path;
    std::uint64_t bytes = 0;
  };
  /// Those that were there when it was opened, oldest first: one, or those of a rotation.
  const std::vector<earlier_file>& earlier() const noexcept;

  /// Lets `encode` append the text of one record: a line, or all records of an exchange (packed, in `warc_gzip`). True
  /// when so much waits that it should be written (`flush`).
  template <class Encode>
  bool add(mark of, Encode&& encode) {
    using callable = std::remove_reference_t<Encode>;
    return add_by(
        of, [](const void* call, std::string& text) { (*static_cast<const callable*>(call))(text); }, &encode);
  }
  /// Writes the records of one exchange in an archive as they are made, however large they are, behind all that was
  /// added: `encode` gets a text to append to, and what to call to have it taken away. It waits for the disk.
  void write(mark of, const std::function<void(std::string& text, const warc_encoder::drain& taken)>& encode);
  /// Writes what waits. It may wait for the disk.
  void flush();

  /// The job is whole: the file gets its name. Where nothing was ever added, a file that was there stays.
  void close();
  /// The job goes on another time: what there is stays.
  void keep();

 private:
  class implementation;
  bool add_by(mark of, void (*encode)(const void* call, std::string& text), const void* call);

  std::unique_ptr<implementation> implementation_;
};

}  // namespace fanout::fetch
