#include "fetch/schedule/request_payload.hpp"

#include <fanout/process/codec.hpp>

#include <cereal/types/chrono.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/vector.hpp>

namespace fanout::fetch {
namespace {

constexpr char plain_url = 'u';
constexpr char whole_request = 'r';
constexpr char tried_request = 't';

bool is_plain(const request& given) {
  return given.method == "GET" && given.id.empty() && given.headers.empty() && given.body.empty() &&
         given.extra.empty() && given.file.empty() && given.sha256.empty() && given.mirrors.empty() &&
         given.problem.empty() && !given.earlier;
}

}  // namespace

std::string payload_of(const request& given) {
  if (is_plain(given)) return plain_url + given.url;
  std::string bytes(1, given.earlier ? tried_request : whole_request);
  fanout::detail::wire_output archive(bytes);
  archive(given, given.extra);
  if (given.earlier) archive(*given.earlier);
  return bytes;
}

request request_of_payload(std::string_view payload, std::uint64_t index) {
  request made;
  const char kind = payload.front();
  payload.remove_prefix(1);
  if (kind == plain_url) {
    made.url = payload;
  } else {
    fanout::detail::wire_input archive(payload);
    archive(made, made.extra);
    if (kind == tried_request) {
      earlier_attempts earlier;
      archive(earlier);
      made.earlier = std::make_shared<const earlier_attempts>(std::move(earlier));
    }
  }
  made.index = index;
  return made;
}

}  // namespace fanout::fetch
