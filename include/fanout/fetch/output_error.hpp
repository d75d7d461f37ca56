#pragma once

#include <stdexcept>

/// \file
namespace fanout::fetch {

/// Results could not be written. The message names the file and the reason.
class output_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace fanout::fetch
