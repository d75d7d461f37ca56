#pragma once

/// \file
namespace fanout::fetch {

/// What is done about a file of the name that is there already.
enum class existing_file {
  replaced,  ///< the new one takes its place once it is whole
  refused,   ///< it is an error, and the file stays
};

}  // namespace fanout::fetch
