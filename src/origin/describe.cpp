#include "origin/describe.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/json.hpp>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <string_view>

namespace fanout::origin {
namespace {

namespace json = boost::json;

// The parser checks UTF-8, the serializer does not.
bool is_utf8(std::string_view text) {
  json::error_code failed;
  json::parse(json::serialize(json::string(text)), failed);
  return !failed;
}

json::string readable(std::string_view text) {
  if (is_utf8(text)) return json::string(text);
  json::string latin1;
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code < 0x80) {
      latin1.push_back(c);
    } else {
      latin1.push_back(static_cast<char>(0xc0 | code >> 6));
      latin1.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    }
  }
  return latin1;
}

std::string base64(const std::string& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

json::object headers_of(const request_type& request) {
  json::object headers;
  for (const auto& field : request) {
    const auto same_name = [&](const json::key_value_pair& known) {
      return boost::beast::iequals({known.key().data(), known.key().size()}, field.name_string());
    };
    const auto known = std::find_if(headers.begin(), headers.end(), same_name);
    const json::string value = readable(view(field.value()));
    if (known == headers.end()) {
      headers.emplace(json::string_view(field.name_string().data(), field.name_string().size()), value);
    } else {
      auto& joined = known->value().as_string();
      joined.append(", ");
      joined.append(value);
    }
  }
  return headers;
}

}  // namespace

std::string describe_headers(const request_type& request) {
  return json::serialize(headers_of(request)) + "\n";
}

std::string describe_request(const request_type& request) {
  json::object all;
  all["method"] = readable(view(request.method_string()));
  all["target"] = readable(view(request.target()));
  all["version"] = fmt::format("{}.{}", request.version() / 10, request.version() % 10);
  all["headers"] = headers_of(request);
  if (is_utf8(request.body())) {
    all["body"] = request.body();
  } else {
    all["body"] = nullptr;
    all["body_base64"] = base64(request.body());
  }
  return json::serialize(all) + "\n";
}

}  // namespace fanout::origin
