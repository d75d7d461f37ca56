#include "fetch/records/archive_payloads.hpp"

#include "fetch/records/archive_heads.hpp"
#include "fetch/records/archive_walk.hpp"
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
class payload_finder final : public archive_visitor {
 public:
  explicit payload_finder(std::vector<found_payload>& into) : into_(into) {}

  void record(std::string_view fields) override {
    const auto type = field_in(fields, "WARC-Type");
    of_response_ = type == "response";
    if (!of_response_ && type != "revisit") return;
    last_.reset();
    has_payload_ = false;
    payload_ = {};
    const auto digest = field_in(fields, "WARC-Payload-Digest");
    if (!of_response_ || digest.empty() || !field_in(fields, "WARC-Truncated").empty()) return;
    last_ = {std::string(digest),
             {std::string(field_in(fields, "WARC-Record-ID")), std::string(field_in(fields, "WARC-Target-URI")),
              std::string(field_in(fields, "WARC-Date"))}};
  }

  void block(std::string_view piece) override {
    if (of_response_ && !payload_.of(piece).empty()) has_payload_ = true;
  }

  void unit(const archive_unit& whole) override {
    if (last_ && has_payload_ && whole.mark && !whole.mark->failed) into_.push_back(std::move(*last_));
    last_.reset();
  }

 private:
  std::vector<found_payload>& into_;
  std::optional<found_payload> last_;
  block_payload payload_;
  bool of_response_ = false;
  bool has_payload_ = false;
};

}  // namespace

std::uint64_t read_stored_payloads(const std::string& path, record_format format, std::uint64_t size,
                                   stored_payloads& into, std::uint64_t most_bytes) {
  std::vector<found_payload> found;
  const auto read_from = [&](std::uint64_t from) {
    found.clear();
    payload_finder finder(found);
    return walk_archive(path, format, from, size, finder);
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
