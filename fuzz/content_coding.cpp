#include "http/message/content_coding.hpp"

#include "check.hpp"

#include <array>
#include <optional>
#include <string>
#include <utility>

/// \file
/// The first byte chooses the codings, the next one the room for what they decode to, four more how to cut the rest.
/// However it is cut, the same comes out of it, whole or not, or it is refused.
namespace {

using namespace fanout;
using fuzz::check;

constexpr std::array stacks{"gzip", "deflate", "br", "zstd", "gzip, br", "zstd, deflate", "br, zstd, gzip"};
constexpr std::size_t most = 1 << 20;

struct outcome {
  std::string bytes;
  bool whole;
};

template <class Next>
std::optional<outcome> decode(const char* codings, std::size_t room, Next next) {
  const auto decoder = http::make_decoder_stack(codings, 3);
  outcome result;
  std::string buffer(room, '\0');
  try {
    for (std::string_view piece = next(); !piece.empty(); piece = next()) {
      for (std::size_t count = room; count == room;) {
        count = decoder->decode(piece, buffer);
        check(count <= room, "no more is written than there is room for");
        result.bytes.append(buffer, 0, count);
        if (result.bytes.size() > most) return std::nullopt;  // a bomb, which is another layer's to stop
      }
      check(piece.empty(), "a decoder that has room takes everything");
    }
  } catch (const http::coding_error&) {
    return std::nullopt;
  }
  result.whole = decoder->whole();
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size <= 2 + fuzz::pieces::sizes) return 0;
  const char* const codings = stacks[data[0] % stacks.size()];
  const std::size_t room = 1 + data[1];
  fuzz::pieces cut(fuzz::text_of(data + 2, size - 2));
  std::string_view all = cut.all();
  const auto at_once = decode(codings, 16 * 1024, [&] { return std::exchange(all, {}); });
  const auto in_pieces = decode(codings, room, [&] { return cut.next(); });
  check(at_once.has_value() == in_pieces.has_value(), "whether it can be decoded does not depend on the cut");
  if (!at_once) return 0;
  check(at_once->bytes == in_pieces->bytes, "nor what it is");
  check(at_once->whole == in_pieces->whole, "nor whether it is whole");
  return 0;
}
