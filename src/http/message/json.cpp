#include <fanout/base/failure.hpp>
#include <fanout/http/forms.hpp>
#include <fanout/http/json.hpp>

#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>
#include <fmt/format.h>

namespace fanout::http {

boost::json::value json(const response& answer) {
  const std::string text = answer.text();
  boost::json::stream_parser parser;
  boost::system::error_code failed;
  const std::size_t read = parser.write_some(text, failed);
  if (!failed && read == text.size()) parser.finish(failed);
  if (!failed && read == text.size()) return parser.release();
  throw error(failure_kind::protocol, fmt::format("the body from {} is no JSON: {} at byte {}", answer.url.str(),
                                                  failed ? failed.message() : "more than one value", read));
}

void set_json(request& what, const boost::json::value& value) {
  set_json_text(what, boost::json::serialize(value));
}

}  // namespace fanout::http
