#include <fanout/fetch/record_format.hpp>

#include <array>

namespace fanout::fetch {

record_format record_format_of(std::string_view path) noexcept {
  if (path.ends_with(".warc.gz")) return record_format::warc_gzip;
  if (path.ends_with(".warc")) return record_format::warc;
  if (path.ends_with(".gz")) return record_format::gzip_lines;
  if (path.ends_with(".zst")) return record_format::zstd_lines;
  return record_format::lines;
}

std::string_view to_string(record_format format) noexcept {
  switch (format) {
    case record_format::gzip_lines:
      return "JSON Lines in gzip members";
    case record_format::zstd_lines:
      return "JSON Lines in zstd frames";
    case record_format::warc:
      return "WARC";
    case record_format::warc_gzip:
      return "WARC in gzip members";
    default:
      return "JSON Lines";
  }
}

split_name split_record_name(std::string_view path) noexcept {
  const auto slash = path.rfind('/');
  const auto name = slash == path.npos ? 0 : slash + 1;
  constexpr std::array<std::string_view, 3> packed{".gz", ".zst", ""};
  for (const std::string_view end : packed) {
    if (!path.ends_with(end)) continue;
    const auto inner = path.substr(0, path.size() - end.size());
    auto dot = inner.rfind('.');
    if (dot == inner.npos || dot <= name) dot = inner.size();
    return {path.substr(0, dot), path.substr(dot)};
  }
  return {path, {}};
}

}  // namespace fanout::fetch
