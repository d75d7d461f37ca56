#pragma once

#include <fanout/fetch/record_file.hpp>
#include <fanout/fetch/sinks.hpp>

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

/// A web archive (WARC 1.1) of the exchanges, in a `record_file`: for each a response, a request and metadata, the last
/// of which says `fanoutIndex`, and for a request that failed `fanoutError`; then it may stand alone. Of a redirect
/// that was followed only the last exchange is stored, and metadata says `fanoutUrl`, what was asked for. Payloads have
/// their content coding undone, where the client undid it.
class warc_output final : public sink {
 public:
  warc_output(const std::string& path, record_file_options how);
  ~warc_output() override;

  bool wants_bodies() const override { return true; }
  bool wants_headers() const override { return true; }
  bool wants_heads() const override { return true; }
  const done_set* done() const override { return &file_.done(); }
  bool resumed() const noexcept { return file_.resumed(); }
  void take(finished& each, writer& to) override;
  void close() override { file_.close(); }
  void close_stopped() override { file_.keep(); }

 private:
  class encoding;
  record_file file_;
  std::unique_ptr<encoding> encoding_;  ///< used on the writer's thread
};

}  // namespace fanout::fetch
