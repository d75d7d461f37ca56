#include <fanout/base/failure.hpp>

#include "check.hpp"
#include "http/h2/h2_request.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <string>
#include <vector>

/// \file
/// A request of the caller's: a line with the method, one with the URL, and lines "name: value" that become its header.
/// What is accepted is a header that nghttp2 packs and unpacks to the same, and that means one request over HTTP/2.
namespace {

using namespace fanout;
using fuzz::check;

std::string_view line_of(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

std::string_view view(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

void check_fields(std::span<const nghttp2_nv> fields) {
  check(fields.size() >= 4, "there are four pseudo-header fields");
  bool regular = false;
  std::size_t pseudo = 0;
  for (const nghttp2_nv& each : fields) {
    const std::string_view name = view(each.name, each.namelen), value = view(each.value, each.valuelen);
    check(!name.empty(), "a field has a name");
    const bool is_pseudo = name.starts_with(':');
    check(!is_pseudo || !regular, "pseudo-header fields come first");
    regular |= !is_pseudo;
    pseudo += is_pseudo;
    check(std::none_of(name.begin(), name.end(), [](char c) { return (c >= 'A' && c <= 'Z') || c <= ' '; }),
          "names are in lower case");
    check(std::none_of(value.begin(), value.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }),
          "no end of line in a value");
    for (const char* const forbidden :
         {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings", "host"})
      check(name != forbidden, "nothing of a connection, and no Host");
    check(is_pseudo || (nghttp2_check_header_name(each.name, each.namelen) != 0), "nghttp2 takes the name");
    check(nghttp2_check_header_value(each.value, each.valuelen) != 0, "nghttp2 takes the value");
  }
  check(pseudo == 4, "and no more of them");
}

void check_packing(std::span<const nghttp2_nv> fields) {
  nghttp2_hd_deflater* packer = nullptr;
  nghttp2_hd_inflater* unpacker = nullptr;
  if (nghttp2_hd_deflate_new(&packer, 4096) != 0 || nghttp2_hd_inflate_new(&unpacker) != 0) std::abort();
  std::vector<std::uint8_t> bytes(nghttp2_hd_deflate_bound(packer, fields.data(), fields.size()));
  const auto size = nghttp2_hd_deflate_hd(packer, bytes.data(), bytes.size(), fields.data(), fields.size());
  check(size > 0, "it can be packed");
  std::size_t at = 0, count = 0;
  for (;;) {
    nghttp2_nv field{};
    int flags = 0;
    const auto used =
        nghttp2_hd_inflate_hd2(unpacker, &field, &flags, bytes.data() + at, static_cast<std::size_t>(size) - at, 1);
    check(used >= 0, "and unpacked");
    at += static_cast<std::size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      check(count < fields.size(), "there are as many");
      const nghttp2_nv& sent = fields[count++];
      check(view(field.name, field.namelen) == view(sent.name, sent.namelen), "of the same names");
      check(view(field.value, field.valuelen) == view(sent.value, sent.valuelen), "and values");
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
  }
  check(count == fields.size(), "all of them");
  nghttp2_hd_deflate_del(packer);
  nghttp2_hd_inflate_del(unpacker);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  http::request what;
  http::h2_request mapped;
  try {
    what.method = line_of(text);
    what.url = http::url(line_of(text));
    while (!text.empty()) {
      const std::string_view line = line_of(text);
      const std::size_t colon = line.find(": ");
      if (colon != line.npos) what.headers.add(line.substr(0, colon), line.substr(colon + 2));
    }
    mapped.prepare(what, "fuzz/1", size % 2 == 0, {size % 3 == 0, size, size % 5 == 0});
  } catch (const error& refused) {
    check(refused.kind() == failure_kind::invalid_request, "a request is refused as such");
    return 0;
  }
  check_fields(mapped.fields());
  check_packing(mapped.fields());
  return 0;
}
