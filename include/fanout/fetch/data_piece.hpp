#pragma once

#include <string>

/// \file
/// What `-d` and its relatives take.
namespace fanout::fetch {

/// A piece of a body, and how its text is to be read.
struct data_piece {
  enum class kind {
    form,        ///< `-d`: `@FILE` is read, without its line ends
    raw,         ///< as it is
    binary,      ///< `@FILE` is read as it is
    urlencoded,  ///< "name=text" or "name@FILE", percent-encoded
    json,        ///< as `binary`
  };
  kind what;
  std::string text;
};

}  // namespace fanout::fetch
