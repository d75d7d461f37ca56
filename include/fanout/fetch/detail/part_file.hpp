#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/existing_file.hpp>

#include <cstdint>
#include <string>

/// \file
/// Files that appear when they are whole. Not for users: `output` and the bodies of responses are written by it.
namespace fanout::fetch::detail {

struct part_options {
  existing_file existing = existing_file::replaced;
  bool follow_link = true;  ///< the file that a symbolic link leads to is replaced; otherwise the link is
  bool goes_on = false;     ///< FILE.part keeps what is in it, and more is written behind that
};

/// A file that is written under the name FILE.part, in the same directory, and renamed to FILE in the end. So whoever
/// opens FILE finds all of it, or what was there before. Other names of that (hard links) keep the old content, as with
/// every program that replaces files instead of writing over them.
///
/// Other things than files (devices, pipes), and files in a directory where no other can be made, are written to in
/// place; "-" is standard output. All errors throw `output_error` that names the file.
///
/// Thread safety: none. Destroying it is `leave`.
class part_file {
 public:
  static part_file open(const std::string& path, part_options how = {});
  /// Throws what `open` would for a path that cannot be written to, and changes nothing.
  static void check(const std::string& path);
  /// Throws what `open` does for a file that is there and `existing_file::refused`.
  [[noreturn]] static void refuse_existing(const std::string& path);
  static part_file standard_output();
  /// What FILE.part is called for this path, where a link is followed.
  static std::string part_name(const std::string& path);

  part_file(part_file&& other) noexcept;
  part_file& operator=(part_file&&) = delete;
  ~part_file() { leave(); }

  int descriptor() const noexcept { return descriptor_; }
  /// What is open: FILE.part, or the file itself where it is written in place.
  const std::string& name() const noexcept { return name_; }
  bool in_place() const noexcept { return becomes_.empty(); }
  /// Whether `finish` replaces a file that was there.
  bool replaces() const noexcept { return replaces_; }
  /// A file of a disk, not a pipe, a terminal or a socket that somebody reads at his own pace.
  bool is_file() const noexcept { return is_file_; }

  /// It is whole: it gets its name.
  void finish();
  /// It is not, and stays FILE.part; an empty one is removed.
  void leave() noexcept;
  /// What is wrong with writing to it, as an exception.
  [[noreturn]] void fail(int why) const;

 private:
  part_file(int descriptor, std::string name, bool owned, std::string becomes = {});
  void rename_to_target();

  fanout::detail::owned_descriptor owned_;
  int descriptor_ = -1;
  std::string name_;
  std::string becomes_;  ///< the name it gets when it is whole; empty: it has it already
  existing_file existing_ = existing_file::replaced;
  bool replaces_ = false;
  bool is_file_ = false;
};

}  // namespace fanout::fetch::detail
