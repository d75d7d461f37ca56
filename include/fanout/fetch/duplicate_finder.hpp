#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Which lines of a list are repeats.
namespace fanout::fetch {

/// One bit for each input of a list: whether it repeats an earlier one. 12.5 MB for 100 million.
class duplicate_set {
 public:
  bool contains(std::uint64_t index) const noexcept {
    return index / 64 < bits_.size() && (bits_[index / 64] >> index % 64 & 1) != 0;
  }
  void insert(std::uint64_t index);
  std::uint64_t size() const noexcept { return size_; }

 private:
  std::vector<std::uint64_t> bits_;
  std::uint64_t size_ = 0;
};

/// Finds exact repeats in a list that may be longer than memory, in two passes: each key is hashed into one of 256
/// files, then each file is sorted and looked at alone. The first of equal keys is kept, so the result does not depend
/// on how the files were written.
///
/// Keys are compared by 128 bits of SipHash under a random key: that two of 100 million differ and are taken for the
/// same has a probability of 2^-75.
///
/// ```cpp
/// fetch::duplicate_finder finder;
/// while (list.next(line)) finder.add(fetch::url_key(line));
/// const auto repeats = finder.find();
/// repeats.contains(17);
/// ```
///
/// Memory is 8 MiB for the files' buffers and what one of them holds: 24 bytes a key, a 256th of them all. It can be
/// told how far it is. Errors: `output_error` names the directory. Thread safety: none. Its files have no names.
class duplicate_finder {
 public:
  /// Empty: $TMPDIR, or /tmp.
  explicit duplicate_finder(std::string directory = {});
  duplicate_finder(const duplicate_finder&) = delete;
  duplicate_finder& operator=(const duplicate_finder&) = delete;
  ~duplicate_finder();

  /// The key of the next input; inputs are counted from 0.
  void add(std::string_view key);
  std::uint64_t added() const noexcept;

  /// Ends it. `progress(done, of)` is called for each file.
  duplicate_set find(const std::function<void(unsigned done, unsigned of)>& progress = {});

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace fanout::fetch
