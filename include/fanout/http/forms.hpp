#pragma once

#include <fanout/http/request.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Queries and forms.
///
/// ```cpp
/// http::request what;
/// what.url = http::with_query(http::url("http://localhost/search"), {{"q", "a&b"}, {"page", "2"}});
/// http::set_form(what, {{"name", "Ü"}});
/// ```
///
/// Thread safety: as any function of its arguments.
namespace fanout::http {

/// Names and values in order; names may repeat.
using form_fields = std::vector<std::pair<std::string, std::string>>;

/// "a=1&b=%26+x": application/x-www-form-urlencoded (WHATWG URL, section 5.2).
std::string form_encoded(const form_fields& fields);

/// `page`, without a user it may name, with these parameters behind those it has. Spaces become "%20", as servers read
/// both that and "+" in a query.
url with_query(const url& page, const form_fields& parameters);

/// Makes the fields the body of `what`, with its Content-Type; a GET becomes a POST.
void set_form(request& what, const form_fields& fields);

/// Makes `text`, which is JSON, the body of `what`, with its Content-Type; a GET becomes a POST.
void set_json_text(request& what, std::string text);

/// One field of a form that has files.
struct form_part {
  std::string name;
  std::string value = {};
  std::string file = {};          ///< path of a file, read as it is sent; instead of `value`
  std::string file_name = {};     ///< what the server is told; empty: the last part of `file`, none for values
  std::string content_type = {};  ///< empty: application/octet-stream for files, none for values
};

/// Makes a body of multipart/form-data (RFC 7578), with its Content-Type; a GET becomes a POST. Throws a
/// `fanout::error` of kind `invalid_request` for a file that cannot be read.
void set_multipart(request& what, std::vector<form_part> parts);

}  // namespace fanout::http
