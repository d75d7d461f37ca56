#pragma once

#include <fanout/fetch/existing_file.hpp>

#include <cstdint>
#include <string>
#include <string_view>

/// \file
/// Bodies as files of a directory.
namespace fanout::fetch {

/// A directory for bodies, one file for each input, named by the input's index alone: a server cannot choose a name.
class body_directory {
 public:
  /// The directory is made if it does not exist.
  explicit body_directory(const std::string& path, existing_file existing = existing_file::refused);

  /// The name of the file for this index.
  static std::string name_of(std::uint64_t index);
  /// Writes a file and returns its name within the directory. One that is there is an error unless it is to be
  /// replaced.
  std::string store(std::uint64_t index, std::string_view body);

  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  existing_file existing_;
};

}  // namespace fanout::fetch
