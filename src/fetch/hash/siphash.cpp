#include "fetch/hash/siphash.hpp"

#include <sys/random.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace fanout::fetch {
namespace {

static_assert(std::endian::native == std::endian::little, "words are read as they lie in memory");

struct sip_state {
  std::uint64_t v0, v1, v2, v3;

  explicit sip_state(const hash_128& key) noexcept
      : v0(0x736f6d6570736575U ^ key.low),
        v1(0x646f72616e646f6dU ^ key.high),
        v2(0x6c7967656e657261U ^ key.low),
        v3(0x7465646279746573U ^ key.high) {}

  void round() noexcept {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void finish() noexcept {
    for (int i = 0; i < 4; ++i) round();
  }
  std::uint64_t value() const noexcept { return v0 ^ v1 ^ v2 ^ v3; }

  void take(std::string_view text) noexcept {
    const auto take_word = [this](std::uint64_t word) {
      v3 ^= word;
      round();
      round();
      v0 ^= word;
    };
    std::uint64_t word = 0;
    std::size_t at = 0;
    for (; at + 8 <= text.size(); at += 8) {
      std::memcpy(&word, text.data() + at, 8);
      take_word(word);
    }
    word = 0;
    if (at < text.size()) std::memcpy(&word, text.data() + at, text.size() - at);
    take_word(word | std::uint64_t{text.size()} << 56);
  }
};

}  // namespace

hash_128 random_key() {
  std::array<unsigned char, 16> bytes{};
  ssize_t got = 0;
  do got = ::getrandom(bytes.data(), bytes.size(), 0);
  while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(bytes.size())) throw std::system_error(errno, std::generic_category(), "getrandom");
  return key_of(bytes);
}

hash_128 key_of(const std::array<unsigned char, 16>& bytes) noexcept {
  hash_128 key;
  std::memcpy(&key.low, bytes.data(), 8);
  std::memcpy(&key.high, bytes.data() + 8, 8);
  return key;
}

std::uint64_t siphash_64(std::string_view text, const hash_128& key) noexcept {
  sip_state state(key);
  state.take(text);
  state.v2 ^= 0xff;
  state.finish();
  return state.value();
}

hash_128 siphash_128(std::string_view text, const hash_128& key) noexcept {
  sip_state state(key);
  state.v1 ^= 0xee;
  state.take(text);
  state.v2 ^= 0xee;
  state.finish();
  hash_128 result;
  result.low = state.value();
  state.v1 ^= 0xdd;
  state.finish();
  result.high = state.value();
  return result;
}

}  // namespace fanout::fetch
