#pragma once

#include <fanout/fetch/body_directory.hpp>
#include <fanout/fetch/done_set.hpp>
#include <fanout/fetch/exchange.hpp>
#include <fanout/fetch/output.hpp>
#include <fanout/fetch/record_text.hpp>
#include <fanout/fetch/writer.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// Where the records and bodies of a job go.
namespace fanout::fetch {

/// One request that has ended, as the sinks of a job see it, one after the other.
struct finished {
  std::uint64_t index;  ///< of the request in its source
  const request& asked;
  record& result;               ///< for the last sink that wants bodies, the body is there to be moved away
  bool last_with_body = false;  ///< that sink is this one
  std::string file = {};        ///< where the body is stored, once a sink did so
  /// A temporary file that has the body, or what came of it, for a sink that `takes_temporary_files`: it is removed
  /// once the writer has done all that it was handed. Empty: there is none, and the body is in the record.
  std::string temporary = {};
};

/// Takes the records of a job, in the order in which they complete.
///
/// Thread safety: a job calls a sink from one thread at a time, with the memory of the calls before.
class sink {
 public:
  sink() = default;
  sink(const sink&) = delete;
  sink& operator=(const sink&) = delete;
  virtual ~sink() = default;

  /// Whether it needs what is otherwise counted and dropped.
  virtual bool wants_bodies() const { return false; }
  virtual bool wants_headers() const { return false; }
  /// Whether it needs the messages' heads as they were sent and as they came (`settings::keep_heads`).
  virtual bool wants_heads() const { return false; }
  /// Whether it needs the SHA-256 of bodies (`settings::digest_bodies`).
  virtual bool wants_digests() const { return false; }
  /// Whether it needs every message of an exchange, and what came of a body that was cut
  /// (`settings::keep_messages`).
  virtual bool wants_messages() const { return false; }
  /// Whether the bodies it wants are to be as they came, content codings on. They are, if all sinks that want bodies
  /// say so: `record::body_coded`.
  virtual bool wants_coded_bodies() const { return false; }
  /// Which requests have their records already, from an earlier run: they are not sent. Null: none.
  virtual const done_set* done() const { return nullptr; }
  /// Where the bodies it wants can go as they come, without being held in memory: as `settings::body_path`. The job
  /// sends them there if its workers run on this machine; then the record has `file` instead of `body`. Other sinks
  /// that want bodies get them in the record, read from that file one after the other. Empty: it needs them in records.
  virtual std::string body_path() const { return {}; }
  /// Whether bodies that are larger than 64 KiB may come in `finished::temporary`, if no other sink wants them.
  virtual bool takes_temporary_files() const { return false; }
  /// The directory for those files, which only this job writes to; bodies that an earlier run left there are removed.
  /// Empty: one in $TMPDIR, or /tmp.
  virtual std::string temporary_directory() const { return {}; }
  /// Whether it wants the heads of the responses there, too, before the body (`settings::heads_before_body`).
  virtual bool heads_before_body() const { return false; }

  /// Called on the lane that completed the request, whose event loop stands still meanwhile: so this turns the record
  /// into bytes, and what waits for a disk or a reader is handed to the writer. An exception stops the job.
  virtual void take(finished& each, writer& to) = 0;
  /// Called once, after the writer has done all that it was handed. Not called when the job fails.
  virtual void close() {}
  /// Instead of `close` where the job was stopped before its source ended: what was taken is not all.
  virtual void close_stopped() { close(); }
};

/// Each record as a line of JSON (record_text.hpp). A file stays what it was where there was no request,
/// and where the job was stopped.
class json_lines final : public sink {
 public:
  explicit json_lines(output to, json_fields with = {.headers = false, .body = false})
      : to_(std::move(to)), with_(with) {}

  bool wants_bodies() const override { return with_.body; }
  bool wants_headers() const override { return with_.headers; }
  void take(finished& each, writer& to) override;
  void close() override { any_ || !to_.replaces() ? to_.close() : to_.abandon(); }
  void close_stopped() override { to_.replaces() ? to_.abandon() : to_.close(); }

 private:
  output to_;
  const json_fields with_;
  bool any_ = false;
};

/// Each record as a line for a person at a terminal.
class readable_lines final : public sink {
 public:
  explicit readable_lines(output to) : to_(std::move(to)) {}
  void take(finished& each, writer& to) override;
  void close() override { any_ || !to_.replaces() ? to_.close() : to_.abandon(); }
  void close_stopped() override { to_.replaces() ? to_.abandon() : to_.close(); }

 private:
  output to_;
  bool any_ = false;
};

struct body_output_options {
  bool with_heads = false;  ///< after the headers of its responses (`settings::keep_heads`)
  /// Written once the request has ended, and kept in a temporary file until then if it is large: where several requests
  /// at a time share the output, or another sink's text stands before the body.
  bool held = false;
};

/// The body of the response, and nothing else: for a job of one request. It is written as it comes. A file stays what
/// it was where the request brought no whole body, and what there is of it stays in FILE.part.
class body_output final : public sink {
 public:
  /// A file, or "-" for standard output. Throws `output_error` for a path that cannot be written to.
  explicit body_output(std::string path, body_output_options with = {});
  bool wants_bodies() const override { return true; }
  std::string body_path() const override { return with_.held ? std::string() : path_; }
  bool takes_temporary_files() const override { return with_.held; }
  bool heads_before_body() const override { return with_.with_heads && !with_.held; }
  void take(finished& each, writer& to) override;
  void close() override;

 private:
  const std::string path_;
  const body_output_options with_;
  std::optional<output> to_;  ///< for a body that is in the record
  bool whole_ = false;
  bool broken_ = false;
};

/// The status and header of each response, as text; otherwise as `body_output`.
class head_output final : public sink {
 public:
  explicit head_output(output to) : to_(std::move(to)) {}
  bool wants_headers() const override { return true; }
  void take(finished& each, writer& to) override;
  void close() override { whole_ && !broken_ ? to_.close() : to_.abandon(); }

 private:
  output to_;
  bool whole_ = false;
  bool broken_ = false;
};

/// The body of each response as a file of a directory, written as it comes. Records of it that come after name that
/// file.
class body_files final : public sink {
 public:
  explicit body_files(const std::string& path, existing_file existing = existing_file::refused)
      : files_(path, existing) {}
  bool wants_bodies() const override { return true; }
  std::string body_path() const override { return files_.path() + "/"; }
  void take(finished& each, writer& to) override;

 private:
  body_directory files_;
};

/// Calls a function with each record, on the lane that completed it: it has to be quick. A function that is not hands
/// its work to the writer.
class record_callback final : public sink {
 public:
  using function = std::function<void(finished& each, writer& to)>;
  explicit record_callback(function call, json_fields with = {.headers = false, .body = false})
      : call_(std::move(call)), with_(with) {}
  bool wants_bodies() const override { return with_.body; }
  bool wants_headers() const override { return with_.headers; }
  void take(finished& each, writer& to) override { call_(each, to); }

 private:
  const function call_;
  const json_fields with_;
};

}  // namespace fanout::fetch
