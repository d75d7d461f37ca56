#pragma once

#include <fanout/fetch/record_format.hpp>

#include "fetch/records/record_scan.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// A web archive from end to end, piece by piece: what it holds may be larger than memory.
namespace fanout::fetch {

/// What stands alone in an archive: the records of an exchange, or the one of its head.
struct archive_unit {
  std::uint64_t begin = 0;  ///< bytes of the file
  std::uint64_t end = 0;
  std::optional<record_mark> mark;  ///< none of the head
  std::string_view metadata;        ///< lines of "name: value" about the exchange; empty of the head
};

/// Gets what `walk_archive` reads. The views are valid during the call.
class archive_visitor {
 public:
  virtual ~archive_visitor() = default;

  /// A record begins; its head, as lines of "Name: value".
  virtual void record(std::string_view fields) = 0;
  /// More of its block.
  virtual void block(std::string_view piece) = 0;
  /// The records since the last unit are whole, and are one. Of the torn ones at the end, nothing says so.
  virtual void unit(const archive_unit& whole) = 0;
};

/// Reads an archive, which may grow, or be cut short, meanwhile, from byte `from`, where a record begins, up to `size`
/// bytes. Returns where the last whole unit ends. Needs some 6 MiB, whatever the archive has.
///
/// Throws `output_error` when the file cannot be read; one that is not there is empty.
std::uint64_t walk_archive(const std::string& path, record_format format, std::uint64_t from, std::uint64_t size,
                           archive_visitor& visitor);

/// What of a block is behind the head of an HTTP message. Thread safety: none.
class block_payload {
 public:
  /// The part of the next piece that belongs to the payload.
  std::string_view of(std::string_view piece) noexcept;

 private:
  unsigned matched_ = 0;  ///< bytes of the empty line that ends the head
};

}  // namespace fanout::fetch
