#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fanout::fetch {

/// A file without a name for what does not fit in memory. It only grows at its end; what is given back is taken out of
/// the middle where the file system can do that (fallocate(2), FALLOC_FL_PUNCH_HOLE), and of all of it when nothing is
/// left. It is made when it is first written to.
///
/// Errors throw `output_error` that names the directory. Thread safety: none.
class spill_file {
 public:
  /// Empty: $TMPDIR, or /tmp.
  explicit spill_file(std::string directory = {});
  spill_file(const spill_file&) = delete;
  spill_file& operator=(const spill_file&) = delete;
  ~spill_file();

  /// Returns where the bytes begin.
  std::uint64_t append(std::string_view bytes);
  /// Replaces `into`.
  void read(std::uint64_t begin, std::size_t size, std::string& into) const;
  /// These bytes are not read again.
  void give_back(std::uint64_t begin, std::size_t size) noexcept;

  std::uint64_t live() const noexcept { return live_; }  ///< bytes that were not given back
  std::uint64_t end() const noexcept { return end_; }

 private:
  void open();
  [[noreturn]] void fail(const char* what, int why) const;

  std::string directory_;
  int descriptor_ = -1;
  std::uint64_t end_ = 0;
  std::uint64_t live_ = 0;
};

}  // namespace fanout::fetch
