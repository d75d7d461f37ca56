#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fanout::detail {

/// Bytes on their way into a socket: small ones are copied together, large ones written from where they are.
///
/// Thread safety: none.
class outgoing {
 public:
  /// When they throw `std::bad_alloc`, nothing was added.
  void add(std::string_view bytes);
  void add_owned(std::string bytes);
  /// `bytes` must stay where they are until they are written, or nothing is written any more. `mark` identifies them.
  void add_borrowed(std::string_view bytes, std::uint64_t mark);

  bool empty() const noexcept { return first_ == pieces_.size(); }
  /// The mark of the first borrowed bytes that are not wholly written.
  std::optional<std::uint64_t> first_borrowed() const;

  enum class status { written, blocked, broken };
  /// Writes what the socket takes without waiting, and adds the number to `count`. What a broken one does not take is
  /// dropped.
  status write_to(int socket, std::uint64_t& count) noexcept;

 private:
  static constexpr std::size_t full_piece = 256 * 1024;

  struct piece {
    std::string own;
    std::string_view borrowed;  ///< instead, where it is not empty
    std::uint64_t mark = 0;
    std::string_view bytes() const { return borrowed.empty() ? std::string_view(own) : borrowed; }
  };
  void drop(std::size_t count) noexcept;
  void forget_all() noexcept;

  /// Those before `first_` are written. None is empty. (Rejected: a deque, which allocates once for every few messages
  /// even where each is written before the next is added.)
  std::vector<piece> pieces_;
  std::size_t first_ = 0;
  std::size_t written_ = 0;  ///< of that one
  std::string spare_;        ///< keeps its room for the next small bytes
};

}  // namespace fanout::detail
