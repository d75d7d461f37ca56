#pragma once

#include <fanout/fetch/record_file.hpp>
#include <fanout/fetch/sinks.hpp>
#include <fanout/fetch/validators.hpp>

#include <memory>
#include <string>

/// \file
/// Sinks of a job that can be gone on with.
namespace fanout::fetch {

/// Each record as a line of JSON, in a `record_file`: plain, gzip or zstd.
///
/// ```cpp
/// fetch::record_lines records("pages.jsonl.gz", {.identity = job});
/// ```
class record_lines final : public sink {
 public:
  record_lines(const std::string& path, record_file_options how, json_fields with = {.headers = false, .body = false})
      : file_(path, record_format_of(path), std::move(how)), with_(with) {}

  bool wants_bodies() const override { return with_.body; }
  bool wants_headers() const override { return with_.headers; }
  const done_set* done() const override { return &file_.done(); }
  bool resumed() const noexcept { return file_.resumed(); }
  void take(finished& each, writer& to) override;
  void close() override { file_.close(); }
  void close_stopped() override { file_.keep(); }

 private:
  record_file file_;
  const json_fields with_;
};

/// A web archive (WARC 1.1) of the exchanges, in a `record_file`: for each response a response and a request, redirects
/// that were followed first, and then metadata, which say `fanoutIndex`, for a request that failed `fanoutError`, and
/// after redirects `fanoutUrl`, what was asked for. Without a response they stand alone. Of tries that were repeated
/// the last one is stored.
///
/// Payloads are stored as they came, content codings on, unless another sink of the job wants them decoded. Of a body
/// that was cut there is what came, and `WARC-Truncated`. A payload that the same job has stored before becomes a
/// `revisit`, as far as 64 MiB of memory know it (some 300,000 payloads); not one of a request that failed, whose
/// records `retry_failed` may take out. A run that goes on reads the last GiB of its files for them, before the first
/// page is stored.
///
/// A body of more than 64 KiB waits in a file in PATH.bodies, and goes from there into the archive piece by piece,
/// unless another sink of the job wants bodies, too. The directory is removed in the end, or by the run that goes on.
///
/// A 304 is a `revisit`, too. It refers to the record of the page in an earlier archive where `since` knows it.
class warc_output final : public sink {
 public:
  /// `since` has to outlive it; null: none.
  warc_output(const std::string& path, record_file_options how, const validators* since = nullptr);
  ~warc_output() override;

  bool wants_bodies() const override { return true; }
  bool wants_coded_bodies() const override { return true; }
  bool wants_messages() const override { return true; }
  bool takes_temporary_files() const override { return true; }
  std::string temporary_directory() const override { return path_ + ".bodies"; }
  const done_set* done() const override { return &file_.done(); }
  bool resumed() const noexcept { return file_.resumed(); }
  void take(finished& each, writer& to) override;
  void close() override { file_.close(); }
  void close_stopped() override { file_.keep(); }

 private:
  class encoding;
  const std::string path_;
  record_file file_;
  std::unique_ptr<encoding> encoding_;  ///< used on the writer's thread
};

}  // namespace fanout::fetch
