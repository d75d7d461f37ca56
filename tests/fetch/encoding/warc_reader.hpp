#pragma once

#include <zlib.h>

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fanout_test {

/// The parts of a file of gzip members, each unpacked; throws where one is not whole.
inline std::vector<std::string> gzip_parts(std::string_view packed) {
  std::vector<std::string> parts;
  while (!packed.empty()) {
    z_stream stream{};
    if (inflateInit2(&stream, 31) != Z_OK) throw std::runtime_error("inflateInit2");
    std::string copy(packed);
    stream.next_in = reinterpret_cast<Bytef*>(copy.data());
    stream.avail_in = static_cast<uInt>(copy.size());
    std::string text;
    int status = Z_OK;
    while (status == Z_OK) {
      char room[4096];
      stream.next_out = reinterpret_cast<Bytef*>(room);
      stream.avail_out = sizeof room;
      status = inflate(&stream, Z_NO_FLUSH);
      text.append(room, sizeof room - stream.avail_out);
    }
    packed.remove_prefix(packed.size() - stream.avail_in);
    inflateEnd(&stream);
    if (status != Z_STREAM_END) throw std::runtime_error("a gzip member is not whole");
    parts.push_back(std::move(text));
  }
  return parts;
}

/// A record as it is read: written anew here, from the standard and not from the encoder.
struct warc_record {
  std::map<std::string, std::string> headers;
  std::string block;

  std::string at(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
  /// Of a block of HTTP.
  std::string http_head() const { return block.substr(0, block.find("\r\n\r\n") + 4); }
  std::string payload() const { return block.substr(block.find("\r\n\r\n") + 4); }
};

/// Exactly one record.
inline warc_record read_warc_record(std::string_view text) {
  warc_record record;
  const auto line = [&text] {
    const auto end = text.find("\r\n");
    if (end == text.npos) throw std::runtime_error("a line does not end");
    const auto taken = text.substr(0, end);
    text.remove_prefix(end + 2);
    return taken;
  };
  if (line() != "WARC/1.1") throw std::runtime_error("not WARC/1.1");
  for (auto header = line(); !header.empty(); header = line()) {
    const auto colon = header.find(": ");
    if (colon == header.npos) throw std::runtime_error("no header: " + std::string(header));
    if (!record.headers.emplace(header.substr(0, colon), header.substr(colon + 2)).second)
      throw std::runtime_error("twice: " + std::string(header));
  }
  const auto length = std::stoul(record.at("Content-Length"));
  if (text.size() != length + 4 || text.substr(length) != "\r\n\r\n") throw std::runtime_error("wrong Content-Length");
  record.block = text.substr(0, length);
  return record;
}

}  // namespace fanout_test
