#include "fetch/records/archive_payloads.hpp"

#include "fetch/records/archive_heads.hpp"
#include "fetch/records/record_scan.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace fanout::fetch {
namespace {

struct found_payload {
  std::string digest;
  stored_payload record;
};

/// What the records of one exchange say together: the response that stands before the metadata is the last one.
class payload_finder {
 public:
  explicit payload_finder(std::vector<found_payload>& into) : into_(into) {}

  void take(std::string_view record) {
    const auto head_end = record.find("\r\n\r\n");
    if (head_end == record.npos) return;
    const std::string_view fields = record.substr(0, head_end + 2);
    const std::string_view block = record.substr(head_end + 4);
    const auto type = field_in(fields, "WARC-Type");
    if (type == "response" || type == "revisit") last_.reset();
    if (type == "response") take_response(fields, block);
    if (type != "metadata" || !last_) return;
    if (field_in(block, "fanoutError").empty()) into_.push_back(std::move(*last_));
    last_.reset();
  }

 private:
  void take_response(std::string_view fields, std::string_view block) {
    constexpr std::size_t ends = 4 + 4;  // of the head, and of the record
    const auto head = block.find("\r\n\r\n");
    const auto digest = field_in(fields, "WARC-Payload-Digest");
    const bool empty = head == block.npos || head + ends >= block.size();
    if (empty || digest.empty() || !field_in(fields, "WARC-Truncated").empty()) return;
    last_ = {std::string(digest),
             {std::string(field_in(fields, "WARC-Record-ID")), std::string(field_in(fields, "WARC-Target-URI")),
              std::string(field_in(fields, "WARC-Date"))}};
  }

  std::vector<found_payload>& into_;
  std::optional<found_payload> last_;
};

}  // namespace

std::uint64_t read_stored_payloads(const std::string& path, record_format format, std::uint64_t size,
                                   stored_payloads& into, std::uint64_t most_bytes) {
  std::vector<found_payload> found;
  const auto read_from = [&](std::uint64_t from) {
    found.clear();
    payload_finder finder(found);
    return scan_archive(path, format, from, size, [&finder](std::string_view record) { finder.take(record); });
  };
  if (format != record_format::warc_gzip || size <= most_bytes) {
    read_from(0);
  } else {
    std::uint64_t from = size - most_bytes;
    while ((from = find_archive_member(path, from, size)) < size) {
      const std::uint64_t end = read_from(from);
      if (end == size) break;
      from = std::max(end, from + 1);
      found.clear();
    }
  }
  for (const found_payload& each : found) into.add(each.digest, each.record);
  return found.size();
}

}  // namespace fanout::fetch
