#include <fanout/fetch/duplicate_finder.hpp>

#include "fetch/hash/siphash.hpp"
#include "fetch/schedule/spill_file.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace fanout::fetch {
namespace {

constexpr unsigned bucket_count = 256;
constexpr std::size_t bucket_buffer = 32 * 1024;

/// A key as a bucket has it: what is not said by the number of the bucket, and who it is.
struct hashed_key {
  std::uint64_t high;
  std::uint64_t low;
  std::uint64_t index;
};
static_assert(sizeof(hashed_key) == 24);

/// By the hash, then by index, radix first: std::sort of all keys of a bucket takes twice as long.
void sort_keys(std::vector<hashed_key>& keys, std::vector<hashed_key>& room) {
  const auto before = [](const hashed_key& left, const hashed_key& right) {
    if (left.high != right.high) return left.high < right.high;
    if (left.low != right.low) return left.low < right.low;
    return left.index < right.index;
  };
  constexpr unsigned parts = 4'096;
  if (keys.size() < parts) {
    std::sort(keys.begin(), keys.end(), before);
    return;
  }
  // By 12 bits that vary within a bucket, which has the first 8 in common.
  const auto part_of = [](const hashed_key& key) { return key.high >> 44 & (parts - 1); };
  std::vector<std::size_t> begins(parts + 1);
  for (const auto& key : keys) ++begins[part_of(key) + 1];
  for (std::size_t i = 0; i < parts; ++i) begins[i + 1] += begins[i];
  room.resize(keys.size());
  auto next = begins;
  for (const auto& key : keys) room[next[part_of(key)]++] = key;
  for (std::size_t i = 0; i < parts; ++i)
    std::sort(room.begin() + static_cast<std::ptrdiff_t>(begins[i]),
              room.begin() + static_cast<std::ptrdiff_t>(begins[i + 1]), before);
  keys.swap(room);
}

}  // namespace

void duplicate_set::insert(std::uint64_t index) {
  if (index / 64 >= bits_.size()) bits_.resize(std::max<std::size_t>(index / 64 + 1, bits_.size() * 2));
  const std::uint64_t bit = std::uint64_t{1} << index % 64;
  if ((bits_[index / 64] & bit) != 0) return;
  bits_[index / 64] |= bit;
  ++size_;
}

class duplicate_finder::implementation {
 public:
  explicit implementation(const std::string& directory) : key_(random_key()), file_(directory) {}

  void add(std::string_view key) {
    const auto hash = siphash_128(key, key_);
    std::vector<hashed_key>& bucket = filling_[hash.high >> 56];
    if (bucket.capacity() == 0) bucket.reserve(keys_in_buffer);
    if (bucket.size() == keys_in_buffer) write(hash.high >> 56);
    bucket.push_back({hash.high, hash.low, added_});
    ++added_;
  }

  std::uint64_t added() const noexcept { return added_; }

  duplicate_set find(const std::function<void(unsigned, unsigned)>& progress) {
    duplicate_set repeats;
    std::vector<hashed_key> keys;
    std::vector<hashed_key> room;
    for (unsigned bucket = 0; bucket < bucket_count; ++bucket) {
      read(bucket, keys);
      sort_keys(keys, room);
      for (std::size_t i = 1; i < keys.size(); ++i)
        if (keys[i].high == keys[i - 1].high && keys[i].low == keys[i - 1].low) repeats.insert(keys[i].index);
      if (progress) progress(bucket + 1, bucket_count);
    }
    return repeats;
  }

 private:
  static constexpr std::size_t keys_in_buffer = bucket_buffer / sizeof(hashed_key);

  static std::string_view bytes_of(const std::vector<hashed_key>& keys) {
    return {reinterpret_cast<const char*>(keys.data()), keys.size() * sizeof(hashed_key)};
  }

  void write(std::size_t bucket) {
    chunks_[bucket].push_back(file_.append(bytes_of(filling_[bucket])));
    filling_[bucket].clear();
  }

  /// All keys of a bucket. Its chunks stay on disk until the end: to punch 80,000 holes took 4 minutes.
  void read(unsigned bucket, std::vector<hashed_key>& keys) {
    const auto& chunks = chunks_[bucket];
    keys.resize(chunks.size() * keys_in_buffer);
    std::string bytes;
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      const std::size_t size = keys_in_buffer * sizeof(hashed_key);
      file_.read(chunks[i], size, bytes);
      std::memcpy(keys.data() + i * keys_in_buffer, bytes.data(), size);
    }
    keys.insert(keys.end(), filling_[bucket].begin(), filling_[bucket].end());
    std::vector<hashed_key>().swap(filling_[bucket]);
    chunks_[bucket].clear();
  }

  hash_128 key_;
  spill_file file_;
  std::array<std::vector<hashed_key>, bucket_count> filling_;
  std::array<std::vector<std::uint64_t>, bucket_count> chunks_;  ///< of the file, where they begin
  std::uint64_t added_ = 0;
};

duplicate_finder::duplicate_finder(std::string directory)
    : implementation_(std::make_unique<implementation>(std::move(directory))) {}
duplicate_finder::~duplicate_finder() = default;

void duplicate_finder::add(std::string_view key) {
  implementation_->add(key);
}
std::uint64_t duplicate_finder::added() const noexcept {
  return implementation_->added();
}
duplicate_set duplicate_finder::find(const std::function<void(unsigned, unsigned)>& progress) {
  return implementation_->find(progress);
}

}  // namespace fanout::fetch
