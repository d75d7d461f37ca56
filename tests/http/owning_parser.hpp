#pragma once

#include <fanout/http/client_options.hpp>
#include <fanout/http/response.hpp>

#include <string>
#include <utility>

/// \file
/// What reads responses, with the place where they come to lie.
namespace fanout_test {

template <class Place>
struct place_of {
  Place place;
};

/// A `response_parser`, or an `h2_response`.
template <class Parser>
class owning_parser : private place_of<fanout::http::response>, public Parser {
 public:
  owning_parser(const fanout::http::client_options& options, bool head_request, bool keep_body)
      : Parser(options, head_request, keep_body, this->place) {}
  fanout::http::response take() {
    this->conclude();
    return std::move(this->place);
  }
};

/// A `response_body`.
template <class Body>
class owning_body : private place_of<std::string>, public Body {
 public:
  owning_body(const fanout::http::client_options& options, bool keep) : Body(options, keep, this->place) {}
};

}  // namespace fanout_test
