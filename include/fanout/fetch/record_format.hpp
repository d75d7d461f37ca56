#pragma once

#include <string_view>

/// \file
/// The forms in which a job's records are kept in files.
namespace fanout::fetch {

enum class record_format {
  lines,       ///< JSON Lines
  gzip_lines,  ///< the same in gzip members (RFC 1952), each of whole lines
  zstd_lines,  ///< the same in zstd frames (RFC 8878), each of whole lines
  warc,        ///< a web archive (WARC 1.1)
  warc_gzip,   ///< the same, each record a gzip member
};

/// By the end of the name: `.gz`, `.zst`, `.warc`, `.warc.gz`; JSON Lines for any other.
record_format record_format_of(std::string_view path) noexcept;
/// "JSON Lines", "WARC in gzip members", ...
std::string_view to_string(record_format format) noexcept;
inline bool is_warc(record_format format) noexcept {
  return format == record_format::warc || format == record_format::warc_gzip;
}

/// A path as its stem and what says the format: "pages" and ".jsonl.gz".
struct split_name {
  std::string_view stem;
  std::string_view extension;
};
split_name split_record_name(std::string_view path) noexcept;

}  // namespace fanout::fetch
