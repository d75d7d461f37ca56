#pragma once

#include <openssl/evp.h>
#include <zlib.h>

#include <algorithm>
#include <map>
#include <set>
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
    const auto [at, first] = record.headers.emplace(header.substr(0, colon), header.substr(colon + 2));
    if (first) continue;
    if (at->first != "WARC-Protocol") throw std::runtime_error("twice: " + std::string(header));
    at->second += ", " + std::string(header.substr(colon + 2));
  }
  const auto length = std::stoul(record.at("Content-Length"));
  if (text.size() != length + 4 || text.substr(length) != "\r\n\r\n") throw std::runtime_error("wrong Content-Length");
  record.block = text.substr(0, length);
  return record;
}

/// The digest as archives write it, by another way than the encoder's.
inline std::string sha1_of(const std::string& bytes) {
  unsigned char digest[20];
  EVP_Digest(bytes.data(), bytes.size(), digest, nullptr, EVP_sha1(), nullptr);
  std::string bits;
  for (const auto byte : digest)
    for (int bit = 7; bit >= 0; --bit) bits += (byte >> bit & 1) != 0 ? '1' : '0';
  std::string text = "sha1:";
  for (std::size_t at = 0; at < bits.size(); at += 5)
    text += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[std::stoul(bits.substr(at, 5), nullptr, 2)];
  return text;
}

/// Reads an archive of gzip members and throws what is wrong with it: a member that is not whole, a digest that is not
/// that of its bytes, an id that is there twice, a reference that leads nowhere, a head that is not true of its
/// payload.
/// `refers_elsewhere`: references may lead to another archive.
inline std::vector<warc_record> read_archive(std::string_view packed, bool refers_elsewhere = false) {
  std::vector<warc_record> all;
  std::set<std::string> ids;
  for (const std::string& part : gzip_parts(packed)) {
    all.push_back(read_warc_record(part));
    const warc_record& record = all.back();
    const auto refuse = [&](const std::string& why) { throw std::runtime_error(why + " in\n" + part); };
    const std::string type = record.at("WARC-Type");
    const std::string id = record.at("WARC-Record-ID");
    if (id.size() != 47 || !id.starts_with("<urn:uuid:") || !id.ends_with('>')) refuse("no id");
    if (!ids.insert(id).second) refuse("an id is there twice");
    if (record.at("WARC-Block-Digest") != sha1_of(record.block)) refuse("a wrong block digest");
    for (const char* const uri : {"WARC-Target-URI", "WARC-Profile", "WARC-Refers-To-Target-URI"})
      if (record.at(uri).find_first_of("<>") != std::string::npos) refuse("brackets around a URI");
    if (const auto to = record.at("WARC-Concurrent-To"); !to.empty() && !ids.contains(to)) refuse("nothing is there");
    if (const auto to = record.at("WARC-Refers-To"); !to.empty() && !refers_elsewhere && !ids.contains(to))
      refuse("no original is there");
    const std::string digest = record.at("WARC-Payload-Digest");
    if (type == "request" && !digest.empty() && digest != sha1_of(record.payload())) refuse("a wrong payload digest");
    if (type != "response") continue;
    if (!digest.empty() && digest != sha1_of(record.payload())) refuse("a wrong payload digest");
    std::string head = record.http_head();
    std::transform(head.begin(), head.end(), head.begin(), [](unsigned char c) { return std::tolower(c); });
    if (head.find("\r\ntransfer-encoding") != head.npos) refuse("a transfer coding that was undone");
    const auto length = head.find("\r\ncontent-length: ");
    if (digest.empty() || !record.at("WARC-Truncated").empty()) continue;
    if (length == head.npos || std::stoul(head.substr(length + 18)) != record.payload().size())
      refuse("a wrong length");
  }
  return all;
}

}  // namespace fanout_test
