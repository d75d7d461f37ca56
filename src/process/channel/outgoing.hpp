#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace fanout::detail {

/// Bytes on their way into a socket: small ones are copied together, large ones written from where they are.
///
/// Thread safety: none.
class outgoing {
 public:
  void add(std::string_view bytes);
  /// `bytes` must stay where they are until they are written, or nothing is written any more. `mark` tells them.
  void add_borrowed(std::string_view bytes, std::uint64_t mark);

  bool empty() const noexcept { return pieces_.empty(); }
  /// The mark of the first borrowed bytes that are not wholly written.
  std::optional<std::uint64_t> first_borrowed() const;

  enum class status { written, blocked, broken };
  /// Writes what the socket takes without waiting, and adds the number to `count`. What a broken one does not take is
  /// dropped.
  status write_to(int socket, std::uint64_t& count);

 private:
  static constexpr std::size_t full_piece = 256 * 1024;

  struct piece {
    std::string own;
    std::string_view borrowed;  ///< instead, where it is not empty
    std::uint64_t mark = 0;
    std::string_view bytes() const { return borrowed.empty() ? std::string_view(own) : borrowed; }
  };
  void drop(std::size_t count);

  std::deque<piece> pieces_;  ///< none is empty
  std::size_t written_ = 0;   ///< of the first
  std::string spare_;         ///< keeps its room for the next small bytes
};

}  // namespace fanout::detail
