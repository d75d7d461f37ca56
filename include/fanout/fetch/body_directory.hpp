#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// \file
/// Bodies as files of a directory.
namespace fanout::fetch {

/// A directory for bodies, one file for each input, named by the input's index alone: a server cannot choose a name.
class body_directory {
 public:
  explicit body_directory(const std::string& path);  ///< made if it does not exist
  body_directory(const body_directory&) = delete;
  body_directory& operator=(const body_directory&) = delete;
  ~body_directory();

  /// The name of the file for this index.
  static std::string name_of(std::uint64_t index);
  /// Writes a new file and returns its name within the directory. An existing file is an error, not replaced.
  std::string store(std::uint64_t index, std::string_view body);

 private:
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace fanout::fetch
