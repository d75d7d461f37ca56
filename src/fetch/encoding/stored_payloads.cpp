#include "fetch/encoding/stored_payloads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace fanout::fetch {
namespace {

constexpr std::string_view before_id = "<urn:uuid:";
// Of an entry in the table: the node's two pointers, the heap's own, and its share of the buckets.
constexpr std::size_t overhead = 48;

template <std::size_t Size>
std::array<char, Size> characters_of(std::string_view text) {
  std::array<char, Size> made{};
  std::copy_n(text.begin(), std::min(Size, text.size()), made.begin());
  return made;
}

}  // namespace

void stored_payloads::add(std::string_view digest, const stored_payload& record) {
  if (record.record_id.size() != before_id.size() + 36 + 1 || record.date.size() != 27) return;
  const std::size_t size = sizeof(table::value_type) + overhead + record.url.size();
  if (bytes_ + size > half_) {
    older_ = std::exchange(newer_, {});
    bytes_ = 0;
  }
  const auto id = std::string_view(record.record_id).substr(before_id.size());
  const entry made{characters_of<36>(id), characters_of<27>(record.date), record.url};
  if (newer_.emplace(siphash_128(digest, key_), made).second) bytes_ += size;
}

std::optional<stored_payload> stored_payloads::find(std::string_view digest) const {
  const hash_128 key = siphash_128(digest, key_);
  for (const table* each : {&newer_, &older_}) {
    const auto found = each->find(key);
    if (found == each->end()) continue;
    const entry& of = found->second;
    return stored_payload{fmt::format("{}{}>", before_id, std::string_view(of.id.data(), of.id.size())), of.url,
                          std::string(of.date.data(), of.date.size())};
  }
  return std::nullopt;
}

}  // namespace fanout::fetch
