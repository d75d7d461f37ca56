#pragma once

#include <fanout/fetch/body_directory.hpp>
#include <fanout/fetch/name_template.hpp>
#include <fanout/fetch/sinks.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>

/// \file
/// Bodies of many URLs as files that have the names of their URLs.
namespace fanout::fetch {

struct naming {
  bool by_server = false;  ///< by the response's Content-Disposition, where it has a name
  bool replaces = false;   ///< files that were there before the job are replaced
  /// Name of the file of records in this directory: a body whose name begins with it gets a `_` before that.
  std::string records = "records.jsonl";
  /// What names are made of (name_template.hpp), in folders where it has slashes; empty: the name alone. Of names that
  /// have the whole `{sha256}` a file that is there has the same content, and stays.
  std::string pattern = {};
};

/// The body of each response as a file of a directory, named by the last segment of its URL (`name_from_url`), or by
/// the server. Where that gives no name, the file is named by the input's index, as those of `body_files`. A name that
/// another file has already, of this job or from before, gets the index at its end: `page.html.17`. Records that come
/// after name the file.
///
/// While a body comes, its file has the name of `body_files`; it gets the other one in this process.
///
/// Thread safety: as `sink`; `renamed` on any thread.
class named_body_files final : public sink {
 public:
  explicit named_body_files(const std::string& path, naming how = {});
  ~named_body_files() override;

  bool wants_bodies() const override { return true; }
  bool wants_headers() const override { return how_.by_server || (template_ && template_->uses_headers()); }
  bool wants_digests() const override { return template_ && template_->uses_digest(); }
  std::string body_path() const override { return files_.path() + "/"; }
  void take(finished& each, writer& to) override;

  /// How many files have the index at their end because their name was taken.
  std::uint64_t renamed() const noexcept { return renamed_; }

 private:
  std::string wanted_name(const finished& each) const;
  std::string own_name(const finished& each) const;
  void make_folders(const std::string& name);
  /// Whether a name stands for a content, and the file is there.
  bool has_content(const std::string& name) const;
  std::string free_name(std::uint64_t index, const std::string& wanted);
  bool is_taken(const std::string& name) const;
  void store_later(finished& each, const std::string& name, writer& to);
  void move(const std::string& from, const std::string& name) const;

  body_directory files_;
  const naming how_;
  const std::optional<name_template> template_;
  std::unordered_set<std::string> folders_;  ///< that were made; no more than some thousand
  std::uint64_t renamed_ = 0;
  std::unordered_set<std::uint64_t> given_;  ///< hashes of the names of this job, where older files are replaced
  mutable std::mutex mutex_;
  std::unordered_set<std::string> waiting_;  ///< names of bodies that the writer has not stored yet; under the mutex
};

}  // namespace fanout::fetch
